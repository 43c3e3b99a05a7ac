/** A launch as command lines: the inverse of `parse.ts`. */
import type { Launch, VirtioLaunch } from '../../machines/launch.ts';
import type { DiskAccess } from './draft.ts';
import { formatProperties as properties } from './keyval.ts';
import { formatTarget } from './target.ts';

type Part = readonly [name: string, value: string | number | boolean];

const drive = (file: string, access: DiskAccess, more: readonly Part[]): string[] => {
  const how: Part[] = access === 'read-only' ? [['readonly', true]] : [['snapshot', access === 'overlay']];
  return ['-drive', properties([['file', file], ['format', 'raw'], ...more, ...how])];
};

/** Name of the terminal where several consoles share it. */
const TERMINAL = 'terminal';

function virtio(list: readonly VirtioLaunch[]): string[] {
  const words: string[] = [];
  list.forEach((d, n) => {
    const bus: Part[] = d.slot === undefined ? [] : [['bus', `virtio-mmio-bus.${d.slot}`]];
    if (d.device === 'block') {
      words.push(
        ...drive(d.file, d.access, [
          ['if', 'none'],
          ['id', `disk${n}`],
        ]),
      );
      const serial: Part[] = d.serial === null ? [] : [['serial', d.serial]];
      const place: Part[] = d.bootIndex === null ? [] : [['bootindex', d.bootIndex]];
      words.push('-device', properties(['virtio-blk-device', ['drive', `disk${n}`], ...serial, ...place, ...bus]));
    } else if (d.device === '9p') {
      const shared: Part[] = [
        ['path', d.folder],
        ['security_model', 'mapped'],
        ['readonly', d.readOnly],
      ];
      words.push('-fsdev', properties(['local', ['id', `folder${n}`], ...shared]));
      words.push('-device', properties(['virtio-9p-device', ['fsdev', `folder${n}`], ['mount_tag', d.tag], ...bus]));
    } else if (d.device === 'rng') words.push('-device', properties(['virtio-rng-device', ...bus]));
    else {
      words.push('-device', properties(['virtio-serial-device', ['id', `serial${n}`], ...bus]));
      d.ports.forEach(({ name, target }, port) => {
        const id = target.to === 'terminal' ? TERMINAL : `port${n}.${port}`;
        if (id !== TERMINAL) words.push('-chardev', chardev(target, id));
        const named: Part[] = name === null ? [] : [['name', name]];
        words.push('-device', properties(['virtconsole', ['bus', `serial${n}.0`], ['chardev', id], ...named]));
      });
    }
  });
  return words;
}

function chardev(target: NonNullable<Launch['serials'][number]>, id: string): string {
  const server = (t: { server: boolean; wait: boolean }): Part[] =>
    t.server
      ? [
          ['server', true],
          ['wait', t.wait],
        ]
      : [];
  switch (target.to) {
    case 'terminal':
      return properties(['stdio', ['id', id], ['mux', true]]);
    case 'null':
      return properties(['null', ['id', id]]);
    case 'file':
      return properties(['file', ['id', id], ['path', target.path], ['append', target.append]]);
    case 'pty':
      return properties(['pty', ['id', id], ...(target.link === null ? [] : [['path', target.link] as const])]);
    case 'unix':
      return properties(['socket', ['id', id], ['path', target.path], ...server(target)]);
    case 'tcp':
      return properties([
        'socket',
        ...([
          ['id', id],
          ['host', target.host],
          ['port', target.port],
          ...server(target),
          ['telnet', target.telnet],
        ] as const),
      ]);
  }
}

function loaders(launch: Launch): string[] {
  return launch.loaders.flatMap((l) => {
    const parts: (string | Part)[] = ['loader'];
    if (l.kind === 'file') {
      parts.push(['file', l.file]);
      if (l.address !== null) parts.push(['addr', hex(l.address)]);
      if (l.raw) parts.push(['force-raw', true]);
      if (l.core !== null) parts.push(['cpu-num', l.core]);
      return ['-device', properties(parts)];
    }
    if (l.kind === 'entry') return ['-device', properties([...parts, ['addr', hex(l.address)], ['cpu-num', l.core]])];
    // QEMU stores at most eight bytes by one option.
    const words: string[] = [];
    for (let at = 0; at < l.bytes.length; at += 8) {
      const piece = l.bytes.slice(at, at + 8);
      const value = piece.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      const where: Part[] = [
        ['addr', hex(l.address + at)],
        ['data', `0x${value.toString(16)}`],
        ['data-len', piece.length],
      ];
      words.push('-device', properties([...parts, ...where]));
    }
    return words;
  });
}

const hex = (n: number): string => `0x${n.toString(16)}`;
const maybe = (option: string, value: string | null): string[] => (value === null ? [] : [option, value]);

function bootWishes({ boot: { menu, strict, menuWait, retryAfter } }: Launch): string[] {
  const parts: Part[] = [];
  if (menu) parts.push(['menu', true]);
  if (strict) parts.push(['strict', true]);
  if (menuWait !== null) parts.push(['splash-time', menuWait]);
  if (retryAfter !== null) parts.push(['reboot-timeout', retryAfter]);
  return parts.length === 0 ? [] : ['-boot', properties(parts)];
}

/** QEMU gives its terminal to several only by a name; the monitor is then among them. */
function serials({ serials, virtio }: Launch): string[] {
  const ports = virtio.flatMap((d) => (d.device === 'console' ? d.ports.map((p) => p.target) : []));
  const onTerminal = [...serials, ...ports].filter((t) => t?.to === 'terminal').length;
  const shared = onTerminal > 1 || ports.some((t) => t.to === 'terminal');
  const words = shared ? ['-chardev', chardev({ to: 'terminal' }, TERMINAL), '-mon', `chardev=${TERMINAL}`] : [];
  for (const target of serials) {
    words.push('-serial', shared && target?.to === 'terminal' ? `chardev:${TERMINAL}` : formatTarget(target));
  }
  return words;
}

/** Memory in the largest unit that divides it. */
export function sizeText(bytes: number): string {
  for (const [letter, unit] of [
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 2 ** 10],
  ] as const) {
    if (bytes % unit === 0) return `${bytes / unit}${letter}`;
  }
  return `${bytes}B`;
}

function common(launch: Launch): string[] {
  const { machine, cpu, rme, mec, semihosting } = launch;
  const parts: (string | Part)[] = ['virt'];
  if (machine.secure) parts.push(['secure', true]);
  if (machine.virtualization) parts.push(['virtualization', true]);
  parts.push(['gic-version', 3], ['acpi', false]);
  if (!machine.randomness) parts.push(['dtb-randomness', false]);
  // The name that the FEAT_MEC series for QEMU proposes.
  if (mec.enabled) parts.push(['mec', true]);
  const model: (string | Part)[] = [cpu.model, ...Object.entries(cpu.features)];
  if (rme.enabled) model.push(['x-rme', true]);
  if (rme.l0gptsz !== 30) model.push(['x-l0gptsz', rme.l0gptsz]);
  const words = [
    '-M',
    properties(parts),
    '-cpu',
    properties(model),
    '-smp',
    properties([String(launch.cores), ...(launch.topology ? Object.entries(launch.topology) : [])]),
    '-m',
    sizeText(launch.memoryBytes),
  ];
  words.push(...maybe('-bios', launch.bios));
  launch.pflash.forEach((flash, unit) => {
    if (flash)
      words.push(
        ...drive(flash.file, flash.access, [
          ['if', 'pflash'],
          ['unit', unit],
        ]),
      );
  });
  words.push(
    ...maybe('-kernel', launch.kernel),
    ...maybe('-initrd', launch.initrd),
    ...maybe('-append', launch.append),
  );
  words.push(...bootWishes(launch));
  words.push(...maybe('-dtb', launch.dtb), ...loaders(launch), ...virtio(launch.virtio));
  for (const { name, content } of launch.fwCfg) {
    words.push(
      '-fw_cfg',
      properties([['name', name], content.from === 'file' ? ['file', content.path] : ['string', content.text]]),
    );
  }
  words.push(launch.serials.length === 0 ? '-nodefaults' : '-nographic');
  words.push(...serials(launch));
  for (const target of launch.monitors)
    words.push('-monitor', target.to === 'terminal' ? 'stdio' : formatTarget(target));
  if (semihosting) {
    const args = semihosting.arguments.map((text): Part => ['arg', text]);
    words.push('-semihosting-config', properties([['enable', true], ['target', 'native'], ...args]));
  }
  const { base, follows } = launch.rtc;
  if (base !== 'utc' || follows !== 'host') {
    words.push(
      '-rtc',
      properties([
        ['base', base],
        ['clock', follows === 'guest' ? 'vm' : 'host'],
      ]),
    );
  }
  if (launch.onReset === 'exit') words.push('-no-reboot');
  words.push(...maybe('-uuid', launch.uuid), ...maybe('-seed', launch.seed === null ? null : String(launch.seed)));
  return words;
}

const legacyVirtio = ({ machine }: Launch): string => `virtio-mmio.force-legacy=${machine.legacyVirtio}`;

/** Arguments of `qemu-system-aarch64`, as near as QEMU comes: its devices are told to speak virtio 1. */
export function qemuArguments(launch: Launch): string[] {
  const words = [...common(launch), '-nic', 'none', '-global', legacyVirtio(launch)];
  if (launch.deterministic) words.push('-icount', 'shift=0');
  return words;
}

/** Arguments of `trireme qemu`, which say all of the launch. */
export function triremeArguments(launch: Launch): string[] {
  const words = ['qemu', ...common(launch)];
  const { mec, machine, semihosting } = launch;
  if (machine.legacyVirtio) words.push('-global', legacyVirtio(launch));
  if (machine.uarts !== null) words[words.indexOf('-M') + 1] += `,uarts=${machine.uarts}`;
  if (mec.mecidWidth !== 16) words.push('--mecid-width', String(mec.mecidWidth));
  if (mec.model !== 'exact') words.push('--mec-model', mec.model);
  if (launch.engine !== 'normal') words.push('--engine', launch.engine);
  if (launch.deterministic) words.push('--deterministic');
  if (semihosting && semihosting.files !== 'none') words.push('--semihosting-files', semihosting.files);
  for (const { console, target } of launch.exposed) words.push('--console', `${console}=${formatTarget(target)}`);
  return words;
}

/** Words as one line that a POSIX shell reads back. */
export const shellLine = (words: readonly string[]): string =>
  words.map((w) => (/^[\w@%+=:,./-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`)).join(' ');
