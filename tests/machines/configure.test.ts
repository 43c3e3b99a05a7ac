/** From a launch to a system's configuration: RME and MEC. */
import { describe, expect, it } from 'vitest';
import { cpuFeatures } from '../../core/arch/features.ts';
import { parseQemu } from '../../core/cli/qemu/parse.ts';
import { configureLaunch } from '../../core/machines/configure.ts';
import { protectionCpu, protectionModel } from '../../core/system/protection.ts';

/** What the cores and the memory protection engine make of a command line. */
function protectionOf(words: string): { features: ReadonlySet<string>; model: string; width: number; l0gptsz: number } {
  const line = `-M virt,secure=on,virtualization=on -device loader,addr=0,data=0,data-len=8 ${words}`;
  const config = configureLaunch(parseQemu(line.split(' ')).launch);
  const { options, sizes } = protectionCpu(config);
  const features = cpuFeatures(config.cpuModel, options);
  return { features, model: protectionModel(config, features), width: sizes.mecidWidth!, l0gptsz: sizes.l0gptsz! };
}

describe('RME and MEC of a launch reach the cores', () => {
  it('neither unasked', () => {
    const { features, model } = protectionOf('-cpu max');
    expect(features.has('RME')).toBe(false);
    expect(features.has('MEC')).toBe(false);
    expect(model).toBe('off');
  });

  it('x-rme alone: no FEAT_MEC, nothing is encrypted', () => {
    const { features, model, l0gptsz } = protectionOf('-cpu max,x-rme=on');
    expect(features.has('RME')).toBe(true);
    expect(features.has('MEC')).toBe(false);
    expect(model).toBe('off');
    expect(l0gptsz).toBe(30);
  });

  it('x-l0gptsz', () => {
    expect(protectionOf('-cpu max,x-rme=on,x-l0gptsz=36').l0gptsz).toBe(36);
  });

  it.each(['-M mec=on -cpu max,x-rme=on', '--rme on --enable-mec'])('%s', (words) => {
    const { features, model, width } = protectionOf(words);
    expect(features.has('RME')).toBe(true);
    expect(features.has('MEC')).toBe(true);
    expect(model).toBe('exact');
    expect(width).toBe(16);
  });

  it('--mecid-width and --mec-model', () => {
    const { model, width } = protectionOf('--rme on --enable-mec --mecid-width 5 --mec-model deadbeef');
    expect(model).toBe('deadbeef');
    expect(width).toBe(5);
  });
});
