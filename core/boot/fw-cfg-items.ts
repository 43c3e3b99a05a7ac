/** What firmware finds in fw_cfg (QEMU's docs/specs/fw_cfg): items by key, files by name. Numbers in them are little-endian. */

/** One item: either at a fixed key, or a file, whose key the directory tells. */
export interface FwCfgItem {
  readonly key?: number;
  /** At most 55 ASCII characters. */
  readonly file?: string;
  readonly bytes: Uint8Array;
}

export const FW_CFG_KEY = {
  signature: 0x00,
  id: 0x01,
  uuid: 0x02,
  nographic: 0x04,
  cores: 0x05,
  kernelSize: 0x08,
  initrdSize: 0x0b,
  bootMenu: 0x0e,
  kernelData: 0x11,
  initrdData: 0x12,
  commandLineSize: 0x14,
  commandLineData: 0x15,
  directory: 0x19,
  firstFile: 0x20,
} as const;
/** Bits of the item `id`: the traditional interface, and that by DMA. */
const FEATURES = 3;

/** What firmware is told about booting: QEMU's `bootindex=` and `-boot`. */
export interface FirmwareBoot {
  /** Devices to try, best first: paths as Open Firmware writes them. */
  readonly order: readonly string[];
  /** Nothing else is to be tried. It counts only where there is an order. */
  readonly strict: boolean;
  /** The boot menu is to be offered. */
  readonly menu: boolean;
  /** How long the menu waits, in ms, 16 bits; null: as long as firmware likes. */
  readonly menuWait: number | null;
  /** After a failed boot: try again after so long, in ms, 16 bits; null: do not. */
  readonly retryAfter: number | null;
}
const NO_WISHES: FirmwareBoot = { order: [], strict: false, menu: false, menuWait: null, retryAfter: null };

export interface FwCfgFacts {
  readonly cores: number;
  /** 16 bytes; null: all zero. */
  readonly uuid: Uint8Array | null;
  /** What `-kernel`, `-initrd` and `-append` name, for firmware that starts it. */
  readonly kernel: Uint8Array | null;
  readonly initrd: Uint8Array | null;
  readonly commandLine: string | null;
  readonly boot?: FirmwareBoot | undefined;
}

function number(value: number, bytes: 2 | 4): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, n) => (value >>> (8 * n)) & 0xff);
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The items of a machine. There are no ACPI or SMBIOS tables, so firmware goes by the device tree. */
export function fwCfgItems(facts: FwCfgFacts): FwCfgItem[] {
  const { order, strict, menu, menuWait, retryAfter } = facts.boot ?? NO_WISHES;
  const items: FwCfgItem[] = [
    { key: FW_CFG_KEY.signature, bytes: text('QEMU') },
    { key: FW_CFG_KEY.id, bytes: number(FEATURES, 4) },
    { key: FW_CFG_KEY.uuid, bytes: facts.uuid ?? new Uint8Array(16) },
    { key: FW_CFG_KEY.nographic, bytes: number(1, 2) },
    { key: FW_CFG_KEY.cores, bytes: number(facts.cores, 2) },
    { key: FW_CFG_KEY.bootMenu, bytes: number(menu ? 1 : 0, 2) },
    // A line each, but for an end of its own, a zero.
    {
      file: 'bootorder',
      bytes: text(order.length === 0 ? '' : `${[...order, ...(strict ? ['HALT'] : [])].join('\n')}\0`),
    },
    { file: 'etc/boot-fail-wait', bytes: number(retryAfter ?? 0xffffffff, 4) },
  ];
  if (menuWait !== null) items.push({ file: 'etc/boot-menu-wait', bytes: number(menuWait, 2) });
  const add = (size: number, data: number, bytes: Uint8Array): void => {
    items.push({ key: size, bytes: number(bytes.length, 4) }, { key: data, bytes });
  };
  if (facts.kernel) add(FW_CFG_KEY.kernelSize, FW_CFG_KEY.kernelData, facts.kernel);
  if (facts.initrd) add(FW_CFG_KEY.initrdSize, FW_CFG_KEY.initrdData, facts.initrd);
  if (facts.commandLine !== null) {
    add(FW_CFG_KEY.commandLineSize, FW_CFG_KEY.commandLineData, text(`${facts.commandLine}\0`));
  }
  return items;
}
