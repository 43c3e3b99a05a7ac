/**
 * Round trips of worlds in a real realm boot: from the host kernel's SMC to its return, as a kernel measures them that prints its times when
 * it powers off (docs/firmware.md).
 */
import { functionOf, REC_EXITS } from '../core/observe/functions.ts';
import { type Spread, spread } from './measure.ts';

/** What one boot says of all calls of one kind; nanoseconds. */
interface Trip {
  readonly kind: string;
  readonly calls: number;
  readonly total: number;
  readonly median: number;
}

/** SMC64 calls of RMI: the kernel prints the low 16 bits of their function identifiers (DEN0137). */
const RMI = 0xc4000000;
const ENTER = 'REC_ENTER';
const CLOCK = 'the clock itself';

/** Why the realm was left: `REC_EXITS` by bits 15 to 8; synchronous ones also by ESR_EL2.EC (5:0), WnR (6) and ISV (7). */
const [EC_INSTRUCTION_ABORT, EC_DATA_ABORT] = [0x20, 0x24];
const EXITS = new Map([
  [EC_DATA_ABORT, 'page without memory'],
  [EC_DATA_ABORT | 0x80, 'device read'],
  [EC_DATA_ABORT | 0xc0, 'device write'],
  [EC_INSTRUCTION_ABORT, 'page without memory, fetch'],
]);

function kindOf(command: number, exit: number): string {
  if (command === 0) return CLOCK;
  const name = functionOf(RMI + command).name.replace(/^RMI_/, '');
  if (name !== ENTER) return name;
  const reason = REC_EXITS[exit >> 8] ?? `exit ${exit >> 8}`;
  return `${name}: ${EXITS.get(exit) ?? (exit >> 8 === 0 ? `${reason} 0x${exit.toString(16)}` : reason)}`;
}

const LINE = /RMI time ([0-9a-f]{4}) ([0-9a-f]{4}): (\d+) calls, (\d+) ns; each (\d+) (\d+) (\d+) (\d+) (\d+) ns/g;

/** Reads the lines of a console. Throws where there is none: the kernel is another. */
export function tripsIn(console: string): Trip[] {
  const trips = [...console.matchAll(LINE)].map(([, command, exit, calls, total, , , median]) => ({
    kind: kindOf(Number.parseInt(command!, 16), Number.parseInt(exit!, 16)),
    calls: Number(calls),
    total: Number(total),
    median: Number(median),
  }));
  if (trips.length === 0) throw new Error('the host kernel printed no times of RMI calls (docs/firmware.md)');
  return trips;
}

/** One kind of call, or several together: medians of all boots, ratios of pairs. Microseconds. */
interface Row {
  readonly what: string;
  readonly calls: { readonly ours: number; readonly theirs: number };
  /** Mean of a boot's calls. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Theirs over ours: above 1 means that ours is faster. */
  readonly ratio: Spread;
  /** The same of the medians of a boot's calls; null for several kinds together. */
  readonly ofMedians: Spread | null;
}

/**
 * Entries that end at a device register: nearly nothing but the round trip, for the realm's console polls one register and writes
 * another, with few instructions between.
 */
const SHORT_ENTRIES = ['device read', 'device write'].map((exit) => `${ENTER}: ${exit}`);
const GROUPS: readonly (readonly [string, (kind: string) => boolean])[] = [
  ['all without a REC entry', (kind) => !kind.startsWith(ENTER) && kind !== CLOCK],
  ['all with a REC entry, the realm at work in them', (kind) => kind.startsWith(ENTER)],
  ['of these, for a device register', (kind) => SHORT_ENTRIES.includes(kind)],
];
/** Kinds with fewer calls say nothing. */
const FEW = 20;

/** Compares the boots of pairs. */
export function compareTrips(pairs: readonly { readonly ours: Trip[]; readonly theirs: Trip[] }[]): Row[] {
  const row = (what: string, wanted: (kind: string) => boolean): Row => {
    const sums = pairs.map(({ ours, theirs }) => ({ ours: sumOf(ours, wanted), theirs: sumOf(theirs, wanted) }));
    const single = sums.every(({ ours, theirs }) => ours.kinds === 1 && theirs.kinds === 1);
    return {
      what,
      calls: {
        ours: spread(sums.map(({ ours }) => ours.calls)).median,
        theirs: spread(sums.map(({ theirs }) => theirs.calls)).median,
      },
      ours: spread(sums.map(({ ours }) => ours.mean)),
      theirs: spread(sums.map(({ theirs }) => theirs.mean)),
      ratio: spread(sums.map(({ ours, theirs }) => theirs.mean / ours.mean)),
      ofMedians: single ? spread(sums.map(({ ours, theirs }) => theirs.median / ours.median)) : null,
    };
  };
  const inAll = (kind: string): boolean =>
    pairs.every((pair) => [pair.ours, pair.theirs].every((side) => sumOf(side, (k) => k === kind).calls >= FEW));
  const kinds = [...new Set(pairs.flatMap(({ ours }) => ours.map(({ kind }) => kind)))].filter(inAll);
  return [...kinds.map((kind) => row(kind, (k) => k === kind)), ...GROUPS.map(([what, wanted]) => row(what, wanted))];
}

function sumOf(trips: readonly Trip[], wanted: (kind: string) => boolean) {
  const some = trips.filter(({ kind }) => wanted(kind));
  const sum = (of: (trip: Trip) => number): number => some.reduce((total, trip) => total + of(trip), 0);
  const calls = sum((trip) => trip.calls);
  return { kinds: some.length, calls, mean: sum((trip) => trip.total) / calls / 1000, median: some[0]?.median ?? 0 };
}

export function tripLines(rows: readonly Row[]): string {
  const text = ({ median, min, max }: Spread): string =>
    `${median.toPrecision(3)} (${min.toPrecision(3)}–${max.toPrecision(3)})`;
  return rows
    .map(({ what, calls, ours, theirs, ratio, ofMedians }) => {
      const medians = ofMedians ? `, of medians ${text(ofMedians)}` : '';
      return `  ${what}: ${calls.ours}, ${calls.theirs} calls; ${text(ours)} µs against ${text(theirs)} µs; ratio ${text(ratio)}${medians}`;
    })
    .join('\n');
}
