/** A certificate manager against the ACME server on this machine, with a responder where workers would be. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { AcmeSettings } from '#acme/acme-settings.ts';
import { AcmeStore } from '#acme/acme-store.ts';
import { CertificateManager } from '#acme/certificate-manager.ts';
import type { ManagedStatus } from '#acme/managed-certificate.ts';
import { AcmeResponder } from './acme-responder.ts';
import { AcmeServer, type AcmeServerOptions } from './acme-server.ts';

/** What managers keep a certificate for unless told otherwise. */
export const names = ['example.org', 'www.example.org'];
const silent = pino({ level: 'silent' });

/** A manager with its server and responder; the state folder is its own unless one is given. */
export class AcmeBench implements AsyncDisposable {
  readonly server: AcmeServer;
  readonly responder: AcmeResponder;
  readonly state: string;
  readonly degraded = new Map<string, string>();
  readonly renewals: string[] = [];
  readonly managers: CertificateManager[] = [];
  live = 0;
  goLive: () => Promise<void> = async () => {};
  #ended = Promise.withResolvers<void>();

  private constructor(server: AcmeServer, responder: AcmeResponder, state: string) {
    this.server = server;
    this.responder = responder;
    this.state = state;
  }

  static async start(options: AcmeServerOptions = {}): Promise<AcmeBench> {
    const responder = await AcmeResponder.start();
    const server = await AcmeServer.start({ ...responder.ports, ...options });
    return new AcmeBench(server, responder, mkdtempSync(join(tmpdir(), 'weir-acme-')));
  }

  async manager(
    settings: Partial<AcmeSettings> = {},
    wanted: readonly (readonly string[])[] = [names],
  ): Promise<CertificateManager> {
    const manager = new CertificateManager({
      store: await AcmeStore.open(this.state),
      board: this.responder.board,
      log: silent,
      userAgent: 'weir test',
      goLive: async () => {
        await this.goLive();
        this.live++;
      },
      onDegraded: (part, reason) => {
        if (reason === null) this.degraded.delete(part);
        else this.degraded.set(part, reason);
      },
      onRenewal: (result) => {
        this.renewals.push(result);
        this.#ended.resolve();
        this.#ended = Promise.withResolvers();
      },
    });
    this.managers.push(manager);
    await manager.configure(this.settings(settings), wanted);
    return manager;
  }

  settings(settings: Partial<AcmeSettings> = {}): AcmeSettings {
    return {
      directory: this.server.directory,
      ca: this.server.authority.root,
      email: 'ops@example.org',
      agreeToTerms: true,
      accountKey: 'ES256',
      external: null,
      challenges: ['tls-alpn-01', 'http-01'],
      ...settings,
    };
  }

  /** The next order that ends, one way or the other. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  files(): string[] {
    return readdirSync(join(this.state, 'acme')).map((name) => name.replace(/-[0-9a-f]+/, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const manager of this.managers) await manager.close();
    await this.server[Symbol.asyncDispose]();
    await this.responder[Symbol.asyncDispose]();
    rmSync(this.state, { recursive: true, force: true });
  }
}

export function isGood(status: ManagedStatus): void {
  assert.equal(status.lastError, null);
  assert.equal(status.state, 'valid');
  assert.equal(status.failures, 0);
}
