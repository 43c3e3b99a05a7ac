/**
 * The GIC's CPU interface as system registers (IHI 0069, 12.2 to 12.4; D24). The system register interface is always on (SRE is
 * fixed), so nothing traps by ICC_SRE_ELx. HCR_EL2.FMO and IMO redirect EL1's accesses to the virtual interface.
 */
import { Area, type El, type Encoding, type RegisterSpec, type Trap, trap } from '../define.ts';
import { GIC_REG, KEPT_WORDS, LIST_REGISTERS } from '../gic-interface.ts';

export const area = new Area('GIC');

/** Which of HCR_EL2.FMO (1) and IMO (2) redirect EL1's accesses to a register; any of them. */
export type Redirect = 0 | 1 | 2 | 3;
/** What the routines that ask the host need of a register. */
export const gicAccess = new Map<string, { readonly number: number; readonly redirect: Redirect }>();

const TALL0 = 11;
const TALL1 = 12;
const TC = 10;
const TDIR = 14;
/** Group 0 registers: FIQ's; group 1: IRQ's; those of both trap to EL3 when it takes both. */
const GROUP0 = [trap('ICH_HCR_EL2', TALL0, 2), trap('SCR_EL3', 2, 3, { test: 'gicFiq' })];
const GROUP1 = [trap('ICH_HCR_EL2', TALL1, 2), trap('SCR_EL3', 1, 3, { test: 'gicIrq' })];
const COMMON = [trap('ICH_HCR_EL2', TC, 2), trap('SCR_EL3', 1, 3, { test: 'gicBoth' })];
/** SGIs have no virtual interface: a hypervisor that takes interrupts sends them for its guests. */
const SGI = [
  trap('ICH_HCR_EL2', TC, 2),
  trap('HCR_EL2', 4, 2, { test: 'gicTaken' }),
  trap('SCR_EL3', 1, 3, { test: 'gicBothHere' }),
];

type Direction = 'rw' | 'ro' | 'wo';
function host(
  name: string,
  encoding: Encoding,
  title: string,
  number: number,
  o: {
    direction?: Direction;
    redirect?: Redirect;
    traps?: readonly Trap[];
    hfg?: number;
    el?: El;
    more?: RegisterSpec;
  },
): void {
  gicAccess.set(name, { number, redirect: o.redirect ?? 0 });
  const direction = o.direction ?? 'rw';
  const kept = KEPT_WORDS.has(number) ? 'gic.kept' : number >= GIC_REG.ICH_LR ? 'gic.list' : null;
  area.reg(name, encoding, title, {
    feature: 'GIC',
    ...(direction === 'ro' ? { writeEl: null } : {}),
    ...(direction === 'wo' ? { readEl: null } : {}),
    ...(direction === 'wo' ? {} : { read: kept === null ? 'gic' : `${kept} ${number}` }),
    ...(direction === 'ro' ? {} : { effect: kept ?? 'gic' }),
    ...(o.traps ? { traps: o.traps } : {}),
    ...(o.hfg === undefined ? {} : { hfg: o.hfg }),
    ...o.more,
  });
}

for (const [n, group, traps, crm] of [
  [0, 1, GROUP0, 8],
  [1, 2, GROUP1, 12],
] as const) {
  const redirect = { redirect: group as Redirect, traps };
  const number = (name: 'IAR' | 'EOIR' | 'HPPIR' | 'BPR' | 'IGRPEN'): number => GIC_REG[`${name}${n}`];
  host(`ICC_IAR${n}_EL1`, [3, 0, 12, crm, 0], `Interrupt Acknowledge, group ${n}`, number('IAR'), {
    direction: 'ro',
    ...redirect,
    more: { fields: 'INTID 23:0' },
  });
  host(`ICC_EOIR${n}_EL1`, [3, 0, 12, crm, 1], `End Of Interrupt, group ${n}`, number('EOIR'), {
    direction: 'wo',
    ...redirect,
    more: { fields: 'INTID 23:0' },
  });
  host(`ICC_HPPIR${n}_EL1`, [3, 0, 12, crm, 2], `Highest Priority Pending Interrupt, group ${n}`, number('HPPIR'), {
    direction: 'ro',
    ...redirect,
    more: { fields: 'INTID 23:0' },
  });
  host(`ICC_BPR${n}_EL1`, [3, 0, 12, crm, 3], `Binary Point, group ${n}`, number('BPR'), {
    ...redirect,
    more: { fields: 'BinaryPoint 2:0 where priorities are split' },
  });
  host(`ICC_IGRPEN${n}_EL1`, [3, 0, 12, 12, 6 + n], `Interrupt Group ${n} Enable`, number('IGRPEN'), {
    ...redirect,
    hfg: 39,
    more: { fields: 'Enable 0' },
  });
}
host('ICC_AP0R0_EL1', [3, 0, 12, 8, 4], 'Active Priorities, group 0', GIC_REG.AP0R0, {
  redirect: 1,
  traps: GROUP0,
  more: { fields: 'P 31:0 bit n: priority 8 n is active' },
});
host('ICC_AP1R0_EL1', [3, 0, 12, 9, 0], 'Active Priorities, group 1', GIC_REG.AP1R0, {
  redirect: 2,
  traps: GROUP1,
  more: { fields: 'P 31:0 bit n: priority 8 n is active' },
});
host('ICC_PMR_EL1', [3, 0, 4, 6, 0], 'Interrupt Priority Mask', GIC_REG.PMR, {
  redirect: 3,
  traps: COMMON,
  more: { fields: 'Priority 7:0 only lower values are signalled' },
});
host('ICC_RPR_EL1', [3, 0, 12, 11, 3], 'Running Priority', GIC_REG.RPR, {
  direction: 'ro',
  redirect: 3,
  traps: COMMON,
  more: { fields: 'Priority 7:0' },
});
host('ICC_DIR_EL1', [3, 0, 12, 11, 1], 'Deactivate Interrupt', GIC_REG.DIR, {
  direction: 'wo',
  redirect: 3,
  traps: [trap('ICH_HCR_EL2', TDIR, 2), ...COMMON],
  more: { fields: 'INTID 23:0' },
});
host('ICC_CTLR_EL1', [3, 0, 12, 12, 4], 'Interrupt Controller Control Register (EL1)', GIC_REG.CTLR, {
  redirect: 3,
  traps: COMMON,
  more: {
    fields: `
      ExtRange 19 ro
      RSS 18 ro
      A3V 15 ro affinity level 3 in SGIs
      SEIS 14 ro
      IDbits 13:11 ro 24 bits
      PRIbits 10:8 ro bits of priority, less one
      PMHE 6 ro
      EOImode 1 priority drop and deactivation are separate
      CBPR 0 both groups use ICC_BPR0_EL1`,
  },
});
host('ICC_SGI1R_EL1', [3, 0, 12, 11, 5], 'SGI, group 1', GIC_REG.SGI1R, { direction: 'wo', traps: SGI });
host('ICC_ASGI1R_EL1', [3, 0, 12, 11, 6], 'SGI, group 1 of the other security state', GIC_REG.ASGI1R, {
  direction: 'wo',
  traps: SGI,
});
host('ICC_SGI0R_EL1', [3, 0, 12, 11, 7], 'SGI, group 0', GIC_REG.SGI0R, { direction: 'wo', traps: SGI });
host('ICC_CTLR_EL3', [3, 6, 12, 12, 4], 'Interrupt Controller Control Register (EL3)', GIC_REG.CTLR_EL3, {
  more: {
    fields: `
      nDS 17 ro two security states
      A3V 15 ro
      IDbits 13:11 ro
      PRIbits 10:8 ro
      EOImode_EL1NS 4
      EOImode_EL1S 3
      EOImode_EL3 2
      CBPR_EL1NS 1
      CBPR_EL1S 0`,
  },
});
host('ICC_IGRPEN1_EL3', [3, 6, 12, 12, 7], 'Interrupt Group 1 Enable (EL3)', GIC_REG.IGRPEN1_EL3, {
  more: { fields: 'EnableGrp1S 1\nEnableGrp1NS 0' },
});

// The system register interface is fixed on: SRE, DFB, DIB, and Enable for the levels below.
const SRE = (encoding: Encoding, el: 1 | 2 | 3): void =>
  area.reg(`ICC_SRE_EL${el}`, encoding, `System Register Enable (EL${el})`, {
    feature: 'GIC',
    reset: (c) => (el === 2 && !c.el2 ? 0n : el === 1 ? 7n : 15n),
    fields: `${el === 1 ? '' : 'Enable 3 ro lower levels may use it\n'}DIB 2 ro\nDFB 1 ro\nSRE 0 ro`,
  });
SRE([3, 0, 12, 12, 5], 1);
SRE([3, 4, 12, 9, 5], 2);
SRE([3, 6, 12, 12, 5], 3);

// The hypervisor's.
host('ICH_AP0R0_EL2', [3, 4, 12, 8, 0], 'Virtual Active Priorities, group 0', GIC_REG.ICH_AP0R0, {
  more: { fields: 'P 31:0' },
});
host('ICH_AP1R0_EL2', [3, 4, 12, 9, 0], 'Virtual Active Priorities, group 1', GIC_REG.ICH_AP1R0, {
  more: { fields: 'P 31:0' },
});
// Kept by the host; the slot has a copy of the bits that trap.
host('ICH_HCR_EL2', [3, 4, 12, 11, 0], 'Virtual Interface Control', GIC_REG.ICH_HCR, {
  more: {
    effect: 'gic.traps',
    fields: `
      EOIcount 31:27 interrupts ended that no list register had
      TDIR 14 traps ICC_DIR_EL1
      TSEI 13
      TALL1 12 traps registers of group 1
      TALL0 11 traps registers of group 0
      TC 10 traps registers of both groups
      VGrp1DIE 7 maintenance interrupt while group 1 is disabled
      VGrp1EIE 6 … enabled
      VGrp0DIE 5 maintenance interrupt while group 0 is disabled
      VGrp0EIE 4 … enabled
      NPIE 3 maintenance interrupt while none is pending
      LRENPIE 2 maintenance interrupt while EOIcount is not 0
      UIE 1 maintenance interrupt while at most one list register is in use
      En 0 virtual interface enabled`,
  },
});
area.reg('ICH_VTR_EL2', [3, 4, 12, 11, 1], 'VGIC Type', {
  feature: 'GIC',
  writeEl: null,
  reset: (c) => (c.el2 ? 0x90b80000n | BigInt(LIST_REGISTERS - 1) : 0n),
  fields: `
    PRIbits 31:29 ro bits of priority, less one
    PREbits 28:26 ro bits of preemption, less one
    IDbits 25:23 ro 24 bits
    A3V 21 ro
    nV4 20 ro no direct injection
    TDS 19 ro ICH_HCR_EL2.TDIR is there
    ListRegs 4:0 ro list registers, less one`,
});
for (const [name, op2, title, number] of [
  ['ICH_MISR_EL2', 2, 'Maintenance Interrupt State', GIC_REG.ICH_MISR],
  ['ICH_EISR_EL2', 3, 'End of Interrupt Status', GIC_REG.ICH_EISR],
  ['ICH_ELRSR_EL2', 5, 'Empty List Register Status', GIC_REG.ICH_ELRSR],
] as const) {
  host(name, [3, 4, 12, 11, op2], title, number, { direction: 'ro', more: { fields: 'Status 31:0' } });
}
host('ICH_VMCR_EL2', [3, 4, 12, 11, 7], 'Virtual Machine Control', GIC_REG.ICH_VMCR, {
  more: {
    fields: `
      VPMR 31:24 priority mask
      VBPR0 23:21
      VBPR1 20:18
      VEOIM 9
      VCBPR 4
      VFIQEn 3 ro
      VENG1 1
      VENG0 0`,
  },
});
for (let n = 0; n < LIST_REGISTERS; n++) {
  host(`ICH_LR${n}_EL2`, [3, 4, 12, 12, n], `List Register ${n}`, GIC_REG.ICH_LR + n, {
    more: {
      fields: `
        State 63:62 0 invalid, 1 pending, 2 active, 3 both
        HW 61 a physical interrupt is deactivated with it
        Group 60
        Priority 55:48
        pINTID 44:32 with HW: the physical interrupt; without, bit 41: tell of its end
        vINTID 31:0`,
    },
  });
}
