/** Errors that an answer carries. */
import { UserError } from '../system/errors.ts';
import type { ErrorCode, Failure } from './api.ts';

export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a face is told of an error; nothing of ours (paths in our code, stacks) leaves with it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof HostError) return { code: error.code, message: error.message };
  if (error instanceof UserError) return { code: 'user', message: error.message };
  return { code: 'internal', message: 'an internal error; the log of the host says more' };
}
