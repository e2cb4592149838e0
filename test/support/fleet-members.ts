/** Members of a fleet without a bus: a decision log each, in a folder of its own. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecisionRequest } from '#decisions/decision.ts';
import { DecisionLog } from '#decisions/decision-log.ts';
import { parseTrust, publicKeyText, type Trust, type TrustFile } from '#decisions/trust.ts';

type MemberEdit = Partial<TrustFile['members'][number]>;

export class FleetMembers {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-fleet-'));
  readonly keys = new Map<string, KeyObject>();
  readonly trustFile: TrustFile;
  trust: Trust;
  protected: readonly string[] = [];
  entriesMax: number | undefined;
  readonly #logs = new Map<string, DecisionLog>();
  readonly #folders = new Map<string, string>();
  readonly nowMs: number;

  constructor(ids: readonly string[], edits: Readonly<Record<string, MemberEdit>> = {}, nowMs = 0) {
    this.nowMs = nowMs;
    const members = ids.map((id) => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      this.keys.set(id, privateKey);
      const key = publicKeyText(publicKey);
      const member: MemberEdit = edits[id] ?? {};
      return { id, role: 'node' as const, key, may: ['block' as const], ...member };
    });
    this.trustFile = { fleet: 'test', members };
    this.trust = parseTrust(JSON.stringify(this.trustFile), 'trust.json');
  }

  key(id: string): KeyObject {
    const key = this.keys.get(id);
    if (key === undefined) throw new Error(`no member ${id}`);
    return key;
  }

  folderOf(id: string): string {
    const known = this.#folders.get(id);
    if (known !== undefined) return known;
    const folder = mkdtempSync(join(this.folder, `${id}-`));
    this.#folders.set(id, folder);
    return folder;
  }

  log(id: string, nowMs = this.nowMs): DecisionLog {
    const known = this.#logs.get(id);
    if (known !== undefined) return known;
    const log = DecisionLog.open(
      {
        directory: this.folderOf(id),
        trust: this.trust,
        self: { id, privateKey: this.key(id) },
        protected: this.protected,
        ...(this.entriesMax === undefined ? {} : { entriesMax: this.entriesMax }),
      },
      nowMs,
    );
    this.#logs.set(id, log);
    return log;
  }

  /** As a restart would. */
  restart(id: string, nowMs = this.nowMs): DecisionLog {
    this.#logs.get(id)?.close();
    this.#logs.delete(id);
    return this.log(id, nowMs);
  }

  /** Its disk is gone. */
  wipe(id: string): void {
    this.#logs.get(id)?.close();
    this.#logs.delete(id);
    this.#folders.delete(id);
  }

  drop(target: string, expiresAtMs: number): DecisionRequest {
    return { target, action: 'drop', expiresAtMs, reason: '', origin: 'test' };
  }

  clear(target: string): DecisionRequest {
    return { target, action: 'clear', expiresAtMs: 0, reason: '', origin: 'test' };
  }

  [Symbol.dispose](): void {
    for (const log of this.#logs.values()) log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
