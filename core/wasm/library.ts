/** Named routines that are compiled together into one module and called by name from each other and from other modules. */
import type { FnRef, Sig } from './build.ts';
import type { Module } from './module.ts';
import type { Ty } from './opcodes.ts';
import type { Val } from './value.ts';

/** Gives the function of a name inside the module under construction. */
export type Link = (name: string) => FnRef;

interface Routine {
  readonly sig: Sig;
  readonly build: (link: Link, ...params: Val[]) => void;
}

export class Library {
  private readonly routines = new Map<string, Routine>();
  private readonly imports = new Map<string, Sig>();

  /** Adds a routine. Its body must end in a return or a tail call when it has a result. */
  define(name: string, params: readonly Ty[], result: Ty | null, build: Routine['build']): void {
    if (this.routines.has(name) || this.imports.has(name)) throw new Error(`routine ${name} is defined twice`);
    this.routines.set(name, { sig: { params, result }, build });
  }
  /** Announces a function that the host provides. */
  host(name: string, params: readonly Ty[], result: Ty | null): void {
    if (this.routines.has(name) || this.imports.has(name)) throw new Error(`routine ${name} is defined twice`);
    this.imports.set(name, { params, result });
  }
  /** Puts a routine in front of another of the same name, which it gets as `inner`. */
  wrap(name: string, build: (link: Link, inner: FnRef, ...params: Val[]) => void): void {
    const routine = this.routines.get(name);
    if (!routine) throw new Error(`no routine ${name}`);
    let inner = `${name}.inner`;
    while (this.routines.has(inner)) inner += '.inner';
    this.routines.set(inner, routine);
    this.routines.set(name, {
      sig: routine.sig,
      build: (link, ...params) => build(link, link(inner), ...params),
    });
  }
  /** Takes over all of another library. */
  include(other: Library): void {
    for (const [name, r] of other.routines) this.define(name, r.sig.params, r.sig.result, r.build);
    for (const [name, sig] of other.imports) this.host(name, sig.params, sig.result);
  }
  sig(name: string): Sig {
    const sig = this.routines.get(name)?.sig ?? this.imports.get(name);
    if (!sig) throw new Error(`no routine ${name}`);
    return sig;
  }
  has(name: string): boolean {
    return this.routines.has(name) || this.imports.has(name);
  }
  hostNames(): string[] {
    return [...this.imports.keys()];
  }
  /** Builds every routine into `module`, exporting all; returns the linker by name. */
  into(module: Module): Link {
    const refs = new Map<string, FnRef>();
    for (const [name, sig] of this.imports) refs.set(name, module.importFn(name, sig));
    for (const [name, r] of this.routines) refs.set(name, module.declare(name, r.sig));
    const link: Link = (name) => {
      const fn = refs.get(name);
      if (!fn) throw new Error(`no routine ${name}`);
      return fn;
    };
    for (const [name, r] of this.routines) {
      const fn = link(name);
      module.define(fn, (...params) => r.build(link, ...params));
      module.export(fn);
    }
    return link;
  }
  /** A linker for a module that imports what it uses of this library. */
  linker(module: Module): Link {
    return (name) => module.importFn(name, this.sig(name));
  }
}
