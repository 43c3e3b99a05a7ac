/** Small files of state beside the presets: where the window was, which presets were used. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

export class Stored<S extends v.GenericSchema> {
  private readonly path: string;
  private readonly schema: S;
  private readonly otherwise: v.InferOutput<S>;
  private readonly log: (line: string) => void;

  /** `otherwise`: when there is no file, or none that fits. */
  constructor(path: string, schema: S, otherwise: v.InferOutput<S>, log: (line: string) => void) {
    this.path = path;
    this.schema = schema;
    this.otherwise = otherwise;
    this.log = log;
  }
  read(): v.InferOutput<S> {
    try {
      return v.parse(this.schema, JSON.parse(readFileSync(this.path, 'utf8')));
    } catch {
      return this.otherwise;
    }
  }
  /** Failure is no reason to stop: it is told to the log. */
  write(value: v.InferOutput<S>): void {
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(`${this.path}.new`, `${JSON.stringify(value)}\n`);
      renameSync(`${this.path}.new`, this.path);
    } catch (error) {
      this.log(`${this.path} cannot be written: ${(error as Error).message}`);
    }
  }
}
