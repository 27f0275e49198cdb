// A real server for a test, with a data directory of its own.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** The program that `cargo build -p picloud` makes. */
const PROGRAM = process.env['PICLOUD'] ?? resolve('../target/debug/picloud');

export const OWNER = { email: 'owner@example.com', password: 'a long enough password' };

export class Server {
  /** Admin origins of all that were started, by all their names; pages may ask no other. */
  static readonly origins = new Set<string>();

  private constructor(
    private readonly home: string,
    private readonly process: ReturnType<typeof spawn>,
    readonly adminUrl: string,
    readonly appsUrl: string,
    /** Of the machine's own user: may do everything. */
    readonly token: string,
    /** Where the owner account is made. */
    readonly setupUrl: string,
  ) {
    for (const url of [adminUrl, setupUrl].filter(Boolean)) Server.origins.add(new URL(url).origin);
  }

  /** Starts one and waits until it is ready; on the ports of `like`, if it follows one with its data. */
  static async start(like?: Server): Promise<Server> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there; cargo build -p picloud makes it`);
    const home = like?.home ?? mkdtempSync(join(tmpdir(), 'picloud-dashboard-'));
    const data = join(home, 'data');
    const port = (url?: string) => `127.0.0.1:${url ? new URL(url).port : 0}`;
    const flags = [
      '--listen',
      port(like?.appsUrl),
      '--admin-listen',
      port(like?.adminUrl),
      '--internal-listen',
      'off',
    ];
    const log = openSync(join(home, 'log'), 'a');
    const child = spawn(PROGRAM, ['serve', '--data', data, ...flags], {
      env: { PATH: process.env['PATH'], HOME: home },
      stdio: ['ignore', 'pipe', log],
    });
    let setupUrl = '';
    let ready = false;
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      setupUrl = /\S+\/setup\?token=\S+/.exec(line)?.[0] ?? setupUrl;
      ready = line.startsWith('Try');
      if (ready) break;
    }
    if (!ready) throw new Error(`the server did not start:\n${readFileSync(join(home, 'log'), 'utf8')}`);
    const credentials = JSON.parse(readFileSync(join(data, 'credentials.json'), 'utf8'));
    return new Server(home, child, credentials.url, credentials.apps_url, credentials.token, setupUrl);
  }

  /** An operation of the API. */
  async api<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const url = `${this.adminUrl}/api/v1${path}`;
    const response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Makes the owner account and gives the session's cookie. */
  async setUp(): Promise<{ name: string; value: string; url: string }> {
    const token = new URL(this.setupUrl).searchParams.get('token');
    const response = await fetch(`${this.adminUrl}/api/v1/setup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, ...OWNER }),
    });
    const [name, value] = (response.headers.get('set-cookie') ?? '').split(';')[0]?.split('=') ?? [];
    if (!response.ok || !name || !value)
      throw new Error(`no owner: ${response.status} ${await response.text()}`);
    return { name, value, url: this.adminUrl };
  }

  /** Ends it; its data stay for one that follows. */
  async end(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGTERM');
    await ended;
  }

  /** Ends it and forgets its data. */
  async stop(): Promise<void> {
    if (this.process.exitCode === null) await this.end();
    rmSync(this.home, { recursive: true });
  }
}
