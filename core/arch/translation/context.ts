/** The translation context: regime, security state and stages in use, from PSTATE and the control registers. */
import { call, choose, iff, ret, store, tailCall, variable } from '../../wasm/build.ts';
import type { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { bit64, el2Enabled, reg, reg32, word } from '../exceptions/view.ts';
import { CONFIG, CONFIG_FLAGS, EL, PAN, TR_CTX, UAO } from '../state.ts';
import { KEY } from './directory.ts';
import type { TranslationFeatures } from './features.ts';
import { CACHE_TRAP, CACHE_TRAPS, CTX, CTX_KEY, CTX_TAG, PAS, REGIME } from './fields.ts';
import { updateTableContext } from './table-cache.ts';

const HCR = { VM: 0, DC: 12, TGE: 27, E2H: 34 } as const;
const flag = (v: Val, bit: number): Val => v.shl(Math.log2(bit));

/** Sets CACHE_TRAPS for the level that runs. */
function cacheTraps(cpu: Val, ctx: Val, f: TranslationFeatures): void {
  const el = word(cpu, EL);
  const device = ctx.and(CTX.s1 | CTX.dc).eqz();
  const traps = variable(I32, select(device, i32(CACHE_TRAP.zero), i32(0)));
  const add = (on: Val, bits: number): void => traps.set(traps.get().or(select(on, i32(bits), i32(0))));
  iff(el.ltU(2), () => {
    const host = ctx.and(CTX.regime);
    iff(el.eqz(), () => {
      const sctlr = select(host, reg32(cpu, 'SCTLR_EL2'), reg32(cpu, 'SCTLR_EL1'));
      add(sctlr.bit(26).eqz(), CACHE_TRAP.coherency | CACHE_TRAP.unification);
      add(sctlr.bit(14).eqz(), CACHE_TRAP.zero);
    });
    iff(ctx.and(CTX.el2).ne(0).and(host.eqz()), () => {
      const h = reg(cpu, 'HCR_EL2');
      add(h.bit(28), CACHE_TRAP.zero);
      add(h.bit(23), CACHE_TRAP.coherency);
      add(h.bit(24).or(h.bit(52)), CACHE_TRAP.unification);
      if (f.has('FGT')) {
        // DCZVA, DCCIVAC … DCCVAU, ICIVAU, DCCVAC; whether they are in force is for the slow path to say.
        const fine = reg(cpu, 'HFGITR_EL2').and((1n << 54n) | 0xf84n);
        add(fine.ne(0), CACHE_TRAP.zero | CACHE_TRAP.coherency | CACHE_TRAP.unification);
      }
    });
  });
  store('i32', cpu, traps.get(), CACHE_TRAPS);
}

export function defineContext(lib: Library, f: TranslationFeatures): void {
  /** TR_CTX for accesses of exception level `el` in its security state, with PSTATE.PAN and UAO as they are. */
  lib.define('contextOf', [I32, I32], I32, (_link, c, e) => {
    const [cpu, el] = [c!, e!];
    const pan = f.has('PAN') ? flag(word(cpu, PAN), CTX.pan) : i32(0);
    const uao = f.has('UAO') ? word(cpu, UAO) : i32(0);
    iff(el.eq(3), () => {
      const ss = select(word(cpu, CONFIG_FLAGS).and(CONFIG.rme), i32(PAS.root), i32(PAS.secure));
      ret(flag(reg32(cpu, 'SCTLR_EL3').and(1), CTX.s1).or(ss.shl(CTX.ssShift)).or(REGIME.el3));
    });
    // {NSE, NS}; without EL3 the register says how the core lives. {1, 0} is reserved.
    const scr = reg(cpu, 'SCR_EL3');
    const ss = scr.lo32().and(1).or(scr.shrU(61).lo32().and(2));
    const on = el2Enabled(cpu);
    const h = select(on, reg(cpu, 'HCR_EL2'), i64(0));
    const tge = bit64(h, HCR.TGE);
    const host = bit64(h, HCR.E2H).and(tge);
    const common = ss.shl(CTX.ssShift).or(flag(on, CTX.el2)).or(flag(el.eqz(), CTX.el0));
    const loose = el.ne(0).and(uao.eqz());
    iff(el.eq(2).or(el.eqz().and(host)), () => {
      const s1 = flag(reg32(cpu, 'SCTLR_EL2').and(1), CTX.s1);
      iff(bit64(h, HCR.E2H), () => {
        const own = flag(loose.and(host), CTX.unprivileged).or(select(el, pan, i32(0)));
        ret(common.or(s1).or(own).or(REGIME.el20));
      });
      ret(common.or(s1).or(REGIME.el2));
    });
    const dc = bit64(h, HCR.DC);
    const s1 = reg32(cpu, 'SCTLR_EL1').and(1).and(dc.or(tge).xor(1));
    const s2 = bit64(h, HCR.VM).or(dc);
    ret(
      common
        .or(flag(s1, CTX.s1))
        .or(flag(s2, CTX.s2))
        .or(flag(dc, CTX.dc))
        .or(flag(loose, CTX.unprivileged))
        .or(select(el, pan, i32(0)))
        .or(REGIME.el10),
    );
  });

  /** i64: the VMID in force (VMID[]); 0 without EL2. */
  lib.define('currentVmid', [I32], I64, (_link, c) => {
    const cpu = c!;
    const vmid = reg(cpu, 'VTTBR_EL2').shrU(48);
    const wide = f.has('VMID16') ? reg32(cpu, 'VTCR_EL2').bits(19, 1) : i32(0);
    ret(select(el2Enabled(cpu), select(wide, vmid, vmid.and(0xff)), i64(0)));
  });
  /** i64: the ASID in force in a regime that has them (1: EL1&0, 2: EL2&0). */
  for (const n of [1, 2]) {
    lib.define(`currentAsid${n}`, [I32], I64, (_link, c) => {
      const cpu = c!;
      const tcr = reg(cpu, `TCR_EL${n}`);
      const ttbr = choose(
        tcr.bit(22),
        I64,
        () => reg(cpu, `TTBR1_EL${n}`),
        () => reg(cpu, `TTBR0_EL${n}`),
      );
      const asid = ttbr.shrU(48);
      ret(f.has('ASID16') ? select(tcr.bit(36), asid, asid.and(0xff)) : asid.and(0xff));
    });
  }

  /** Computes the context anew and selects its banks. Called whenever PSTATE or a control register of translation changes. */
  lib.define('selectBanks', [I32], null, (link, c) => {
    const cpu = c!;
    const ctx = variable(I32);
    ctx.set(call(link('contextOf'), cpu, word(cpu, EL)));
    const x = ctx.get();
    store('i32', cpu, x, TR_CTX);
    cacheTraps(cpu, x, f);
    const asid = variable(I64, 0);
    const vmid = variable(I64, 0);
    const regime = x.and(CTX.regime);
    iff(regime.eq(REGIME.el10), () => {
      vmid.set(call(link('currentVmid'), cpu));
      iff(x.and(CTX.s1), () => asid.set(call(link('currentAsid1'), cpu)));
    });
    iff(regime.eq(REGIME.el20).and(x.shrU(Math.log2(CTX.s1))), () => asid.set(call(link('currentAsid2'), cpu)));
    const own = variable(I32, x.or(KEY.valid));
    if (f.has('MEC')) {
      // Banks of EL1 and EL0 in Realm state go by VMECID_P_EL2 too: a switch between realms changes the bank alone.
      const guest = regime.eq(REGIME.el10).and(x.shrU(CTX.ssShift).and(3).eq(PAS.realm));
      iff(guest, () => own.set(own.get().or(reg32(cpu, 'VMECID_P_EL2').shl(16))));
    }
    const key = own.get().zext64().or(asid.get().shl(32)).or(vmid.get().shl(48));
    store('i64', cpu, key, CTX_KEY);
    store('i32', cpu, asid.get().lo32().shl(1).or(x.and(CTX.pan).ne(0)), CTX_TAG);
    updateTableContext(cpu);
    tailCall(link('useBanks'), cpu);
  });
}
