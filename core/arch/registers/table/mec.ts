/**
 * FEAT_MEC: memory encryption contexts (D24.2, MECID registers). Those of EL2 exist for Realm state, and for EL3; SCR_EL3.MECEn
 * lets EL2 have them, but not MECIDR_EL2, which every security state reads.
 */
import { Area, type RegisterSpec, scrEnable } from '../define.ts';

export const area = new Area('memory encryption contexts');

const FIELD = 'MECID 15:0 ?MEC ~mecid memory encryption context';
const MECID: RegisterSpec = {
  feature: 'MEC',
  traps: [scrEnable(49, [2])],
  undefined: 'realm',
  effect: 'mec',
  fields: FIELD,
};
// `mecidOf` in encryption/context.ts relies on this order, which is that of the values of TR_MEC.
area.reg('MECID_P0_EL2', [3, 4, 10, 8, 0], 'Primary MECID of EL2, lower half', MECID);
area.reg('MECID_A0_EL2', [3, 4, 10, 8, 1], 'Alternate MECID of EL2, lower half', MECID);
area.reg('MECID_P1_EL2', [3, 4, 10, 8, 2], 'Primary MECID of EL2, upper half', MECID);
area.reg('MECID_A1_EL2', [3, 4, 10, 8, 3], 'Alternate MECID of EL2, upper half', MECID);
area.reg('VMECID_P_EL2', [3, 4, 10, 9, 0], 'Primary MECID of EL1 and EL0', MECID);
area.reg('VMECID_A_EL2', [3, 4, 10, 9, 1], 'Alternate MECID of EL1 and EL0', MECID);
area.reg('MECID_RL_A_EL3', [3, 6, 10, 10, 1], 'MECID of Realm accesses from EL3', {
  feature: 'MEC',
  effect: 'mec',
  fields: FIELD,
});
area.reg('MECIDR_EL2', [3, 4, 10, 8, 7], 'MECID Identification Register', {
  feature: 'MEC',
  writeEl: null,
  reset: (c) => BigInt(c.mecidWidth - 1),
});
