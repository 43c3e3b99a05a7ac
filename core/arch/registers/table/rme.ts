/** FEAT_RME: granule protection (D24.2.56 and neighbours). All are of EL3. */
import { Area, type RegisterSpec } from '../define.ts';

export const area = new Area('granule protection');

const GPT: RegisterSpec = { feature: 'RME', effect: 'granules' };
area.reg('GPTBR_EL3', [3, 6, 2, 1, 4], 'Granule Protection Table Base Register', {
  ...GPT,
  fields: 'BADDR 39:0 base, bits 51 to 12',
});
area.reg('GPCBW_EL3', [3, 6, 2, 1, 5], 'Granule Protection Check Bypass Window Register', {
  feature: 'RME_GPC3',
  effect: 'granules',
  fields: `
    BWSIZE 39:37 size of the window
    BWSTRIDE 36:32 distance at which it repeats
    BWADDR 25:0 base, bits 55 to 30`,
});
area.reg('GPCCR_EL3', [3, 6, 2, 1, 6], 'Granule Protection Check Control Register', {
  ...GPT,
  // Size that an entry of level 0 covers: 30, 34, 36 or 39 bits.
  reset: (c) => BigInt(c.l0gptsz - 30) << 20n,
  fields: `
    GPCBW 29 ?RME_GPC3 the bypass window is in effect
    APPSAA 24 ?RME_GPC2 addresses beyond PPS may be accessed
    L0GPTSZ 23:20 ro size that an entry of level 0 covers
    NSO 19 ?RME_GPC2 code 0xD means Non-secure only
    GPCP 17 priority of faults on tables of stage 2
    GPC 16 granule protection checks enabled
    PGS 15:14 granule
    SH 13:12 shareability of fetches
    ORGN 11:10 outer cacheability of fetches
    IRGN 9:8 inner cacheability of fetches
    SPAD 7 ?RME_GPC2 Secure address space off
    NSPAD 6 ?RME_GPC2 Non-secure address space off
    RLPAD 5 ?RME_GPC2 Realm address space off
    PPS3 3 ?RME_GPC3 more sizes of protected addresses
    PPS 2:0 size of protected addresses`,
});
area.reg('MFAR_EL3', [3, 6, 6, 0, 5], 'PA Fault Address Register', {
  feature: 'RME',
  fields: `
    NS 63 with NSE: physical address space
    NSE 62
    FPA 55:12 faulting physical address, bits 55 to 12`,
});
