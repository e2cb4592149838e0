/**
 * The driver of a network interface, and whether it runs XDP programs itself.
 *
 * Asked with SIOCETHTOOL (ETHTOOL_GDRVINFO), which needs no rights and knows virtual interfaces too. Which
 * drivers have native XDP is from the kernel's sources (`ndo_bpf`): attaching a program to find out would
 * reset the queues of a card that is in use.
 */

import { loadNative } from '#core/native.ts';
import { addressOf, stableBuffer } from './bpf-call.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 3;
const nameBytes = 16;
const driverInfoBytes = 196;

const nativeDrivers: ReadonlySet<string> = new Set([
  'bnxt_en',
  'bonding',
  'cpsw',
  'dpaa2_eth',
  'ena',
  'enetc',
  'fec',
  'fsl_dpaa2_eth',
  'fsl_enetc',
  'funeth',
  'gve',
  'hv_netvsc',
  'i40e',
  'ice',
  'idpf',
  'igb',
  'igbvf',
  'igc',
  'ixgbe',
  'ixgbevf',
  'lan966x-switch',
  'mana',
  'mlx4_en',
  'mlx5_core',
  'mtk_soc_eth',
  'mvneta',
  'mvpp2',
  'netsec',
  'netvsc',
  'nfp',
  'octeontx2-nicpf',
  'qede',
  'rvu_nicpf',
  'sfc',
  'st_gmac',
  'stmmac',
  'thunder-nicvf',
  'tsnep',
  'tun',
  'veth',
  'virtio_net',
  'vmxnet3',
  'xen_netfront',
]);

export const hasNativeXdp = (driver: string): boolean => nativeDrivers.has(driver);

/** Null where the interface says nothing of it, or is not there. */
export function driverOf(interfaceName: string): string | null {
  const native = loadNative();
  if (typeof native === 'string') return null;
  const { library } = native;
  const socket = library.func('int socket(int, int, int)') as (...a: number[]) => number;
  const ioctl = library.func('int ioctl(int, unsigned long, void *)') as (
    fd: number,
    request: number,
    argument: Uint8Array,
  ) => number;
  const close = library.func('int close(int)') as (fd: number) => number;
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return null;
  try {
    const info = stableBuffer(driverInfoBytes);
    info.writeUInt32LE(ETHTOOL_GDRVINFO, 0);
    // struct ifreq: the name, then a pointer to the request.
    const request = stableBuffer(40);
    request.write(interfaceName.slice(0, nameBytes - 1), 0, 'latin1');
    request.writeBigUInt64LE(addressOf(info), nameBytes);
    if (ioctl(fd, SIOCETHTOOL, request) < 0) return null;
    const driver = info.toString('latin1', 4, 36);
    return driver.slice(0, driver.indexOf('\0')) || null;
  } finally {
    close(fd);
  }
}
