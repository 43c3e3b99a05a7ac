/** Affinity of core `n`, as in bits 23:0 of MPIDR_EL1: sixteen cores a cluster, as many as an SGI of GICv3 can name at once. */
export const affinityOf = (n: number): number => ((n >> 4) << 8) | (n & 15);
