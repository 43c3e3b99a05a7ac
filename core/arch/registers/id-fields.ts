/**
 * Fields of the feature registers (D24.2.74 and following), each with the values that features give it: the last one that is
 * implemented counts, 0 without any. A register or field that is not here reads as zero.
 */

export type FieldValues = readonly (readonly [feature: string, value: number])[];
export interface IdField {
  readonly name: string;
  readonly lsb: number;
  readonly values: FieldValues;
}

/** `NAME lsb FEAT=value …`; `*` is always there. */
const TABLE: Readonly<Record<string, string>> = {
  // AArch64 only: AArch32 exists at no exception level.
  ID_AA64PFR0_EL1: `
    EL0 0 *=1
    EL1 4 *=1
    EL2 8 EL2=1
    EL3 12 EL3=1
    FP 16 FP16=1
    AdvSIMD 20 FP16=1
    GIC 24 GIC=1
    RAS 28 RAS=1 RASv1p1=2
    SEL2 36 SEL2=1
    DIT 48 DIT=1
    RME 52 RME=1 RME_GPC2=2 RME_GPC3=3
    CSV2 56 CSV2=1 CSV2_2=2
    CSV3 60 CSV3=1`,
  ID_AA64PFR1_EL1: `
    BT 0 BTI=1
    SSBS 4 SSBS=1 SSBS2=2
    RNDR_trap 28 RNG_TRAP=1`,
  ID_AA64DFR0_EL1: `
    DebugVer 0 *=6 Debugv8p1=7 Debugv8p2=8 Debugv8p4=9
    PMUVer 8 PMUv3=1 PMUv3p1=4 PMUv3p4=5 PMUv3p5=6 PMUv3p7=7
    BRPs 12 *=5
    WRPs 20 *=3
    CTX_CMPs 28 *=1`,
  ID_AA64ISAR0_EL1: `
    AES 4 AES=1 PMULL=2
    SHA1 8 SHA1=1
    SHA2 12 SHA256=1 SHA512=2
    CRC32 16 CRC32=1
    Atomic 20 LSE=2
    RDM 28 RDM=1
    SHA3 32 SHA3=1
    SM3 36 SM3=1
    SM4 40 SM4=1
    DP 44 DotProd=1
    FHM 48 FHM=1
    TS 52 FlagM=1 FlagM2=2
    TLB 56 TLBIOS=1 TLBIRANGE=2
    RNDR 60 RNG=1`,
  ID_AA64ISAR1_EL1: `
    DPB 0 DPB=1 DPB2=2
    APA 4 PACQARMA5=1 PACQARMA5+EPAC=2 PACQARMA5+PAuth2=3 PACQARMA5+FPAC=4 PACQARMA5+FPACCOMBINE=5
    API 8 PACIMP=1 PACIMP+EPAC=2 PACIMP+PAuth2=3 PACIMP+FPAC=4 PACIMP+FPACCOMBINE=5
    JSCVT 12 JSCVT=1
    FCMA 16 FCMA=1
    LRCPC 20 LRCPC=1 LRCPC2=2
    GPA 24 PACQARMA5=1
    GPI 28 PACIMP=1
    FRINTTS 32 FRINTTS=1
    SB 36 SB=1
    SPECRES 40 SPECRES=1
    BF16 44 BF16=1
    DGH 48 DGH=1
    I8MM 52 I8MM=1`,
  ID_AA64ISAR2_EL1: `
    WFxT 0 WFxT=2
    GPA3 8 PACQARMA3=1
    APA3 12 PACQARMA3=1 PACQARMA3+EPAC=2 PACQARMA3+PAuth2=3 PACQARMA3+FPAC=4 PACQARMA3+FPACCOMBINE=5
    MOPS 16 MOPS=1
    BC 20 HBC=1
    CSSC 52 CSSC=1
    ATS1A 60 ATS1A=1`,
  ID_AA64MMFR0_EL1: `
    PARange 0 PA=0
    ASIDBits 4 ASID16=2
    SNSMem 12 *=1
    TGran16 20 TGran16=1 TGran16+LPA2=2
    TGran64 24 *=15 TGran64=0
    TGran4 28 *=15 TGran4=0 TGran4+LPA2=1
    TGran16_2 32 GTG=1 GTG+TGran16=2 GTG+TGran16+LPA2=3
    TGran64_2 36 GTG=1 GTG+TGran64=2
    TGran4_2 40 GTG=1 GTG+TGran4=2 GTG+TGran4+LPA2=3
    ExS 44 ExS=1
    FGT 56 FGT+EL2=1
    ECV 60 ECV=1 ECV_POFF+EL2=2`,
  ID_AA64MMFR1_EL1: `
    HAFDBS 0 HAF=1 HAFDBS=2 HAFT=3
    VMIDBits 4 VMID16+EL2=2
    VH 8 VHE+EL2=1
    HPDS 12 HPDS=1 HPDS2=2
    LO 16 LOR=1
    PAN 20 PAN=1 PAN2=2 PAN3=3
    XNX 28 XNX+EL2=1
    HCX 40 HCX+EL2=1
    AFP 44 AFP=1
    TIDCP1 52 TIDCP1=1
    CMOW 56 CMOW=1`,
  ID_AA64MMFR2_EL1: `
    CnP 0 TTCNP=1
    UAO 4 UAO=1
    IESB 12 IESB=1
    VARange 16 LVA=1
    CCIDX 20 CCIDX=1
    ST 28 TTST=1
    AT 32 LSE2=1
    IDS 36 IDST=1
    FWB 40 S2FWB+EL2=1
    TTL 48 TTL=1
    BBM 52 BBM=2
    EVT 56 EVT+EL2=2
    E0PD 60 E0PD=1`,
  ID_AA64MMFR3_EL1: `
    TCRX 0 TCR2=1
    SCTLRX 4 SCTLR2=1
    S1PIE 8 S1PIE=1
    S2PIE 12 S2PIE+EL2=1
    AIE 24 AIE=1
    MEC 28 MEC=1`,
};

export const idFields: Readonly<Record<string, readonly IdField[]>> = Object.fromEntries(
  Object.entries(TABLE).map(([register, text]) => [
    register,
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [name, lsb, ...values] = line.trim().split(/\s+/) as [string, string, ...string[]];
        return {
          name,
          lsb: Number(lsb),
          values: values.map((v) => v.split('=')).map(([f, n]) => [f!, Number(n)] as const),
        };
      }),
  ]),
);

/** Value of one field under a set of features; `A+B` needs both. */
export function idFieldValue(field: IdField, features: ReadonlySet<string>): number {
  let value = 0;
  for (const [condition, v] of field.values) {
    if (condition === '*' || condition.split('+').every((f) => features.has(f))) value = v;
  }
  return value;
}
