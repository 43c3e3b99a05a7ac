/**
 * Memory copy and set (FEAT_MOPS): routines behind CPY*, CPYF* and SET*. "Option A" of the architecture: the prologue moves the
 * pointers to the end and makes the size negative (forward), later stages count it up to zero; a backward copy keeps the
 * pointers and counts a positive size down. NZCV is 0 between the stages.
 *
 * Shares: the prologue goes up to the first end of a page, the middle does whole pages, the end what is left. A middle or end
 * works on one page at a time and then runs again, so that interrupts come through.
 */
import { REC_OPS, REC_SIZE, TLB_ADDEND, TLB_ENTRY_SHIFT, TLB_INDEX_MASK, TLB_READ, TLB_WRITE } from '../engine/abi.ts';
import { INFO } from '../engine/access.ts';
import { pcOf } from '../engine/interpret.ts';
import { call, iff, load, memoryCopy, memoryFill, ret, store, tailCall, unlikely, variable } from '../wasm/build.ts';
import { Library, type Link } from '../wasm/library.ts';
import { I32, I64 } from '../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../wasm/value.ts';
import { raise } from './exceptions/calls.ts';
import { bitOf, currentEl, el2Enabled, esr, hcr, hostEl0, ownTarget, word } from './exceptions/view.ts';
import * as state from './state.ts';

export const mops = new Library();

/** The `kind` argument: bits [3:0] are the options of the syndrome, for copies write and read unprivileged in [1:0]. */
export const MOPS = {
  unprivilegedWrite: 1,
  unprivilegedRead: 2,
  options: 15,
  /** Only the last of the three instructions. */
  epilogue: 16,
  /** CPYF: forward only. */
  forwardOnly: 32,
} as const;

const EC_MOPS = 0x27;
const MSCEN = { sctlr: 33, hcrx: 11 } as const;
const HCRX_MCE2 = 10;
const SCR_HXEN = 38;

/** Operands in the order of their fields: Rs, Rn, Rd. */
const SOURCE = 0;
const SIZE = 1;
const DEST = 2;
const slotOf = (cpu: Val, rec: Val, operand: number): Val => cpu.add(load('i32_8u', rec, REC_OPS + operand).shl(3));
const get = (cpu: Val, rec: Val, operand: number): Val => load('i64', slotOf(cpu, rec, operand), state.X);
const put = (cpu: Val, rec: Val, operand: number, v: Val): void => store('i64', slotOf(cpu, rec, operand), v, state.X);

/** HCRX_EL2 is in force, EL2 and all. */
function hcrxEnabled(cpu: Val): Val {
  const config = word(cpu, state.CONFIG_FLAGS);
  return bitOf(cpu, 'SCR_EL3', SCR_HXEN).or(config.and(state.CONFIG.noEl3).ne(0));
}
const hasEl2 = (cpu: Val): Val => word(cpu, state.CONFIG_FLAGS).and(state.CONFIG.noEl2).eqz();

/** i32: are these instructions UNDEFINED here? (CheckMOPSEnabled.) */
function disabled(cpu: Val): Val {
  const el = currentEl(cpu);
  const h = hcr(cpu);
  const host = el.eqz().and(hostEl0(h));
  const hcrx = hcrxEnabled(cpu).and(bitOf(cpu, 'HCRX_EL2', MSCEN.hcrx));
  const byEl2 = el.ltU(2).and(host.eqz()).and(el2Enabled(cpu)).and(hasEl2(cpu)).and(hcrx.eqz());
  const enabled = select(host, bitOf(cpu, 'SCTLR_EL2', MSCEN.sctlr), bitOf(cpu, 'SCTLR_EL1', MSCEN.sctlr));
  return byEl2.or(el.eqz().and(enabled.eqz()));
}

/** Host address of a byte, or 0: FAULT is set, or it is a device. `info` says write and unprivileged. */
mops.define('mopsHost', [I32, I64, I32], I32, (link, c, v, i) => {
  const [cpu, va, info] = [c!, v!, i!];
  const bank = load('i32', cpu.add(select(info.and(INFO.unprivileged), i32(state.BANK_UNPRIV), i32(state.BANK))));
  const index = va
    .shrU(12 - TLB_ENTRY_SHIFT)
    .lo32()
    .and(TLB_INDEX_MASK);
  const entry = bank.add(index);
  const tag = load('i64', entry.add(select(info.and(INFO.write), i32(TLB_WRITE), i32(TLB_READ))));
  iff(tag.eq(va.and(~0xfffn)), () => ret(load('i32', entry, TLB_ADDEND).add(va.lo32())));
  ret(call(link('fillData'), cpu, va, info));
});
const faulted = (cpu: Val): Val => load('i32', cpu, state.FAULT).ne(0);

/** Bytes from `va` to the end of its page. */
const pageRest = (va: Val): Val => i64(4096).sub(va.and(0xfff));
/** Bytes up to and including `last` in its page. */
const pageHead = (last: Val): Val => last.and(0xfff).add(1);
const min = (a: Val, b: Val): Val => select(a.ltU(b), a, b);

/** Sets at most `size` bytes from `va`, all in one page: (cpu, va, size, byte, info) → bytes done, 0 on a fault. */
mops.define('mopsFill', [I32, I64, I64, I32, I32], I64, (link, c, va, size, byte, info) => {
  const host = call(link('mopsHost'), c!, va!, info!);
  iff(host, () => {
    memoryFill(host, byte!, size!.lo32());
    ret(size!);
  });
  iff(faulted(c!), () => ret(i64(0)));
  call(link('storeSlow'), c!, va!, byte!.zext64(), i64(0), info!);
  ret(select(faulted(c!), i64(0), i64(1)));
});

/**
 * Copies at most `size` bytes, each side in one page: (cpu, from, to, size, last, read info, write info) → bytes done, 0 on a
 * fault. `last` 0: `from` and `to` are the first bytes; 1: the last ones, and the copy goes backward.
 */
const COPY = [I32, I64, I64, I64, I32, I32, I32] as const;
mops.define('mopsMove', COPY, I64, (link, c, from, to, size, last, reading, writing) => {
  const source = call(link('mopsHost'), c!, from!, reading!);
  iff(source.eqz().and(faulted(c!)), () => ret(i64(0)));
  const dest = call(link('mopsHost'), c!, to!, writing!);
  iff(dest.eqz().and(faulted(c!)), () => ret(i64(0)));
  iff(source.ne(0).and(dest.ne(0)), () => {
    const length = size!.lo32();
    const back = select(last!, length.sub(1), i32(0));
    memoryCopy(dest.sub(back), source.sub(back), length);
    ret(size!);
  });
  const byte = call(link('loadSlow'), c!, from!, reading!);
  iff(faulted(c!), () => ret(i64(0)));
  call(link('storeSlow'), c!, to!, byte, i64(0), writing!);
  ret(select(faulted(c!), i64(0), i64(1)));
});

/** What the kind of instruction means for accesses of one side. */
function infoOf(kind: Val, unprivileged: number, base: number): Val {
  return select(kind.and(unprivileged), i32(base | INFO.unprivileged), i32(base));
}

/** Memory Copy or Memory Set exception: the registers are not as this stage needs them. `wrong`: made for option B. */
function mismatch(link: Link, cpu: Val, rec: Val, n: Val, kind: Val, isSet: boolean, wrong: Val): void {
  const slot = (operand: number): Val => load('i32_8u', rec, REC_OPS + operand);
  const source = slot(SOURCE);
  const iss = kind
    .and(MOPS.options)
    .shl(19)
    .or(kind.and(MOPS.epilogue).shl(14))
    .or(wrong.shl(17))
    .or((isSet ? 1 << 24 : 0) | (1 << 16))
    .or(slot(DEST).shl(10))
    .or(select(source.gtU(31), i32(31), source).shl(5))
    .or(slot(SIZE));
  const toEl2 = currentEl(cpu)
    .eq(1)
    .and(el2Enabled(cpu))
    .and(hasEl2(cpu))
    .and(hcrxEnabled(cpu))
    .and(bitOf(cpu, 'HCRX_EL2', HCRX_MCE2));
  raise(link, cpu, n, select(toEl2, i32(2), ownTarget(cpu)), esr(EC_MOPS, iss), pcOf(cpu, rec));
}

const clearFlags = (cpu: Val): void => {
  store('i64', cpu, i64(0), state.NF);
  store('i64', cpu, i64(1), state.ZF);
  store('i32', cpu, i32(0), state.CF);
  store('i64', cpu, i64(0), state.VF);
};
const goOn = (link: Link, cpu: Val, rec: Val, n: Val): void =>
  tailCall(link('proceed'), cpu, rec.add(REC_SIZE), n.sub(1));
const again = (link: Link, cpu: Val, rec: Val, n: Val): void => tailCall(link('proceed'), cpu, rec, n.sub(1));

/** What all stages begin with. */
function begin(link: Link, cpu: Val, rec: Val, n: Val): void {
  store('i32', cpu, n, state.BUDGET);
  store('i32', cpu, rec, state.SLOW_REC);
  unlikely(disabled(cpu), () => tailCall(link('undefined'), cpu, rec, n));
}
/** The share of a middle (whole pages) or an end (everything) of `rest` bytes. */
const share = (kind: Val, rest: Val): Val => select(kind.and(MOPS.epilogue), rest, rest.and(~0xfffn));

/** A stage with nothing to do goes on, whatever the flags are (MemCpyZeroSizeCheck, MemSetZeroSizeCheck: no). */
const nothingLeft = (link: Link, cpu: Val, rec: Val, n: Val, size: Val): void =>
  iff(size.eqz(), () => goOn(link, cpu, rec, n));

const HANDLER = [I32, I32, I32, I32] as const;
const setInfo = (kind: Val): Val => infoOf(kind, MOPS.unprivilegedWrite, INFO.write);
const byteOf = (cpu: Val, rec: Val): Val => get(cpu, rec, SOURCE).lo32().and(0xff);

mops.define('setPrologue', HANDLER, I32, (link, c, r, n, kind) => {
  const [cpu, rec] = [c!, r!];
  begin(link, cpu, rec, n!);
  const dest = get(cpu, rec, DEST);
  const asked = get(cpu, rec, SIZE);
  const size = select(asked.ltS(0), i64(0x7fffffffffffffffn), asked);
  // As a fault shall find it.
  put(cpu, rec, SIZE, size);
  const done = variable(I64, 0);
  iff(size.ne(0), () => {
    const some = min(size, pageRest(dest));
    done.set(call(link('mopsFill'), cpu, dest, some, byteOf(cpu, rec), setInfo(kind!)));
    unlikely(done.get().eqz(), () => tailCall(link('deliver'), cpu, rec, n!));
  });
  put(cpu, rec, DEST, dest.add(size));
  put(cpu, rec, SIZE, done.get().sub(size));
  clearFlags(cpu);
  goOn(link, cpu, rec, n!);
});
mops.define('setMore', HANDLER, I32, (link, c, r, n, k) => {
  const [cpu, rec, kind] = [c!, r!, k!];
  begin(link, cpu, rec, n!);
  const carry = load('i32', cpu, state.CF);
  const size = get(cpu, rec, SIZE);
  nothingLeft(link, cpu, rec, n!, size);
  unlikely(carry.or(size.gtS(0)), () => mismatch(link, cpu, rec, n!, kind, true, carry));
  const mine = share(kind, size.neg());
  iff(mine.eqz(), () => goOn(link, cpu, rec, n!));
  const at = get(cpu, rec, DEST).add(size);
  const done = call(link('mopsFill'), cpu, at, min(mine, pageRest(at)), byteOf(cpu, rec), setInfo(kind));
  unlikely(done.eqz(), () => tailCall(link('deliver'), cpu, rec, n!));
  put(cpu, rec, SIZE, size.add(done));
  again(link, cpu, rec, n!);
});

const ADDRESS = 0x00ffffffffffffffn;
function move(link: Link, cpu: Val, kind: Val, from: Val, to: Val, size: Val, last: Val): Val {
  const reading = infoOf(kind, MOPS.unprivilegedRead, 0);
  const writing = infoOf(kind, MOPS.unprivilegedWrite, INFO.write);
  return call(link('mopsMove'), cpu, from, to, size, last, reading, writing);
}
mops.define('copyPrologue', HANDLER, I32, (link, c, r, n, k) => {
  const [cpu, rec, kind] = [c!, r!, k!];
  begin(link, cpu, rec, n!);
  const from = get(cpu, rec, SOURCE);
  const to = get(cpu, rec, DEST);
  const asked = get(cpu, rec, SIZE);
  const forwardOnly = kind.and(MOPS.forwardOnly);
  const most = select(forwardOnly, i64(0x7fffffffffffffffn), i64(0x007fffffffffffffn));
  const size = select(asked.gtU(most), most, asked);
  // As a fault shall find it.
  put(cpu, rec, SIZE, size);
  // Backward only where the start of the destination lies in the source.
  const [source, dest] = [from.and(ADDRESS), to.and(ADDRESS)];
  const overlaps = source.ltU(dest).and(source.add(size).gtU(dest));
  const back = overlaps.and(forwardOnly.eqz());
  const done = variable(I64, 0);
  iff(size.ne(0), () => {
    iff(
      back,
      () => {
        const [lastFrom, lastTo] = [from.add(size).sub(1), to.add(size).sub(1)];
        const some = min(size, min(pageHead(lastFrom), pageHead(lastTo)));
        done.set(move(link, cpu, kind, lastFrom, lastTo, some, i32(1)));
      },
      () => done.set(move(link, cpu, kind, from, to, min(size, min(pageRest(from), pageRest(to))), i32(0))),
    );
    unlikely(done.get().eqz(), () => tailCall(link('deliver'), cpu, rec, n!));
  });
  const left = size.sub(done.get());
  iff(
    back,
    () => put(cpu, rec, SIZE, left),
    () => {
      put(cpu, rec, SOURCE, from.add(size));
      put(cpu, rec, DEST, to.add(size));
      put(cpu, rec, SIZE, left.neg());
    },
  );
  clearFlags(cpu);
  goOn(link, cpu, rec, n!);
});
mops.define('copyMore', HANDLER, I32, (link, c, r, n, k) => {
  const [cpu, rec, kind] = [c!, r!, k!];
  begin(link, cpu, rec, n!);
  const carry = load('i32', cpu, state.CF);
  const size = get(cpu, rec, SIZE);
  nothingLeft(link, cpu, rec, n!, size);
  const wrongWay = size.gtS(0).and(kind.and(MOPS.forwardOnly).ne(0));
  unlikely(carry.or(wrongWay), () => mismatch(link, cpu, rec, n!, kind, false, carry));
  const from = get(cpu, rec, SOURCE).add(size);
  const to = get(cpu, rec, DEST).add(size);
  const back = size.gtS(0);
  const mine = share(kind, select(back, size, size.neg()));
  iff(mine.eqz(), () => goOn(link, cpu, rec, n!));
  iff(back, () => {
    const [lastFrom, lastTo] = [from.sub(1), to.sub(1)];
    const some = min(mine, min(pageHead(lastFrom), pageHead(lastTo)));
    const done = move(link, cpu, kind, lastFrom, lastTo, some, i32(1));
    unlikely(done.eqz(), () => tailCall(link('deliver'), cpu, rec, n!));
    put(cpu, rec, SIZE, size.sub(done));
    again(link, cpu, rec, n!);
  });
  const some = min(mine, min(pageRest(from), pageRest(to)));
  const done = move(link, cpu, kind, from, to, some, i32(0));
  unlikely(done.eqz(), () => tailCall(link('deliver'), cpu, rec, n!));
  put(cpu, rec, SIZE, size.add(done));
  again(link, cpu, rec, n!);
});
