import { Socket } from 'node:net';
import type { TerminalMode } from '../cli/context.ts';
import type { TerminalSize } from '../wire/protocol.ts';
import {
  encodeMessage,
  MESSAGE,
  type Message,
  type MessageType,
  MessageSplitter,
  MODE_NUMBER,
} from './messages.ts';

export interface LauncherListeners {
  readonly onSignal: (number: number) => void;
  readonly onResize: (size: TerminalSize) => void;
  /** Called once, when the launcher goes before it was told an exit code. */
  readonly onGone: () => void;
}

/** The connection to one launcher. */
export class LauncherLink {
  /** Gets what is typed; undefined: its end. */
  onInput: (bytes: Buffer | undefined) => void = () => undefined;
  private readonly socket: Socket;
  private readonly listeners: LauncherListeners;
  private readonly splitter = new MessageSplitter();
  /** Who waits for the mode of the terminal, first asked first. */
  private readonly modes: (() => void)[] = [];
  private running: Promise<void> | undefined;
  private resume: () => void = () => undefined;
  private isReading = false;
  private isOver = false;

  /** Takes the descriptor over. */
  constructor(fd: number, listeners: LauncherListeners) {
    this.listeners = listeners;
    this.socket = new Socket({ fd, readable: true, writable: true });
    this.socket.on('error', () => undefined); // its close is what counts
    this.socket.on('close', () => this.onClose());
    this.socket.on('data', (chunk: Buffer) => this.onData(chunk));
  }

  /** Undefined while the job runs; else resolves when the user continues it. */
  whenRunning(): Promise<void> | undefined {
    return this.running;
  }

  /** Resolves when the terminal is so, or nobody is there any more. */
  setMode(mode: TerminalMode): Promise<void> {
    if (this.isOver || this.socket.destroyed) return Promise.resolve();
    this.send(MESSAGE.terminalMode, MODE_NUMBER[mode]);
    return new Promise((resolve) => this.modes.push(resolve));
  }

  readInput(isWanted: boolean): void {
    if (this.isReading === isWanted) return;
    this.isReading = isWanted;
    this.send(MESSAGE.readInput, isWanted ? 1 : 0);
  }

  /** The last thing that is said; a second time is ignored. */
  exit(code: number): void {
    this.send(MESSAGE.exit, code & 0xff);
    this.isOver = true;
  }

  close(): void {
    this.isOver = true;
    this.socket.end();
    this.resume();
  }

  private send(type: MessageType, ...payload: readonly number[]): void {
    if (!this.isOver && !this.socket.destroyed) this.socket.write(encodeMessage(type, ...payload));
  }

  private onData(chunk: Buffer): void {
    try {
      for (const message of this.splitter.push(chunk)) this.onMessage(message);
    } catch {
      this.socket.destroy();
    }
  }

  private onMessage({ type, payload }: Message): void {
    if (type === MESSAGE.signal) {
      this.send(MESSAGE.signalSeen);
      this.listeners.onSignal(payload.readUInt8(0));
    } else if (type === MESSAGE.resize) {
      this.listeners.onResize({ rows: payload.readUInt16BE(0), columns: payload.readUInt16BE(2) });
    } else if (type === MESSAGE.input) this.onInput(Buffer.from(payload));
    else if (type === MESSAGE.inputEnd) this.onInput(undefined);
    else if (type === MESSAGE.modeSet) this.modes.shift()?.();
    else if (type === MESSAGE.stopped) {
      this.running ??= new Promise((resolve) => {
        this.resume = resolve;
      });
      this.send(MESSAGE.paused);
    } else if (type === MESSAGE.continued) {
      this.running = undefined;
      this.resume();
    }
  }

  private onClose(): void {
    this.resume();
    for (const resolve of this.modes.splice(0)) resolve();
    if (this.isOver) return;
    this.isOver = true;
    this.listeners.onGone();
  }
}
