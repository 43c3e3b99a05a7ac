// SPDX-License-Identifier: Apache-2.0
// Builds the benchmark programs: node bench/programs/build.ts [NAME…]. Needs Debian's gcc-aarch64-linux-gnu.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

interface Target {
  name: string;
  source: string;
  flags: string[];
}

const root = import.meta.dirname;
const tools = process.env['CROSS_COMPILE'] ?? 'aarch64-linux-gnu-';

const common = [
  ...['-std=gnu11', '-O2', '-march=armv8-a', '-mno-outline-atomics', '-ffreestanding', '-fno-builtin', '-fno-pic'],
  ...[
    '-fno-strict-aliasing',
    '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables',
    '-fno-common',
    '-fno-math-errno',
  ],
  ...['-fno-tree-loop-distribute-patterns', '-Wall', '-Wextra', '-Werror', `-ffile-prefix-map=${root}=.`],
];

// Integer code is compiled without auto-vectorising, so that what is measured is the integer instructions.
const scalar = ['-fno-tree-vectorize'];

// One source can give several programs: the variants of a float program differ in type and in the use of NEON.
const variants: Record<string, Record<string, string[]>> = {
  matmul: { '-f64': ['-DREAL=double'], '-f32-neon': ['-DREAL=float', '-DNEON'] },
  nbody: { '-f64': ['-DREAL=double'], '-f32': ['-DREAL=float', '-DSINGLE'] },
  fft: { '-f64': ['-DREAL=double'], '-f32-neon': ['-DREAL=float', '-DNEON'] },
  mandel: { '-f64': ['-DREAL=double'], '-f32-neon': ['-DREAL=float', '-DNEON'] },
  realm: {
    '-rmi': ['-DROUNDS=200000', '-DCALL=RMI_VERSION'],
    '-rec': ['-DROUNDS=100000', '-DCALL=RMI_REC_ENTER'],
    '-work': ['-DROUNDS=2000', '-DCALL=RMI_REC_ENTER', '-DWORK'],
  },
  lock: { '-exclusive': [], '-lse': ['-march=armv8.1-a', '-DLSE'] },
};

function targets(): Target[] {
  const list: Target[] = [];
  for (const group of ['integer', 'float', 'system', 'smp', 'worlds']) {
    for (const file of readdirSync(join(root, group)).sort()) {
      if (!file.endsWith('.c')) continue;
      const stem = basename(file, '.c');
      const source = join(root, group, file);
      const several = variants[stem] ?? { '': [] };
      for (const [suffix, extra] of Object.entries(several)) {
        const name = stem + suffix;
        list.push({ name, source, flags: [...scalar, `-DBENCH_NAME="${name}"`, ...extra] });
      }
    }
  }
  return list;
}

function run(tool: string, args: string[]): void {
  execFileSync(tools + tool, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

function build(target: Target, work: string): void {
  const objects: string[] = [];
  const compile = (source: string, flags: string[]): void => {
    const object = join(work, `${basename(source).replace('.', '-')}.o`);
    run('gcc', [...common, ...flags, '-c', source, '-o', object]);
    objects.push(object);
  };
  const assembly = target.source.replace(/\.c$/, '.S');
  for (const file of ['crt0.S', 'console.c', 'mem.c', 'main.c']) compile(join(root, 'rt', file), scalar);
  compile(join(root, 'rt', 'mmu.c'), [...scalar, '-mstrict-align', '-mgeneral-regs-only']);
  compile(target.source, target.flags);
  if (statSync(assembly, { throwIfNoEntry: false })) compile(assembly, []);
  const elf = join(root, 'elf', `${target.name}.elf`);
  const own = join(dirname(target.source), 'link.ld');
  const script = statSync(own, { throwIfNoEntry: false }) ? own : join(root, 'rt', 'link.ld');
  const linking = ['-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments'];
  run('gcc', [
    ...linking,
    '-Wl,-z,max-page-size=4096',
    '-Wl,-z,noexecstack',
    `-Wl,-T,${script}`,
    '-s',
    ...objects,
    '-o',
    elf,
  ]);
  process.stdout.write(`${target.name}.elf ${statSync(elf).size}\n`);
}

const wanted = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'trireme-bench-'));
try {
  mkdirSync(join(root, 'elf'), { recursive: true });
  for (const target of targets()) if (wanted.length === 0 || wanted.includes(target.name)) build(target, work);
} finally {
  rmSync(work, { recursive: true });
}
