/**
 * The part of the WebAssembly JavaScript API that Weir uses. TypeScript ships it only with the types
 * of a browser, which this program must not see.
 */
declare namespace WebAssembly {
  type ExportKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

  function validate(bytes: Uint8Array): boolean;

  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: ExportKind }[];
    static exports(module: Module): { name: string; kind: ExportKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Global {
    value: number;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
}
