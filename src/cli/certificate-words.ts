/** How `weir cert list` and `weir status` print a certificate. */
import type { CertificateStatus } from '#admin/control.ts';
import { formatTime } from '#cli/duration.ts';
import type { Cell, Style } from '#cli/printer.ts';

const styles: Readonly<Record<CertificateStatus['state'], Style>> = {
  valid: 'green',
  awaiting: 'yellow',
  failing: 'red',
};

export function certificateRow(certificate: CertificateStatus): readonly Cell[] {
  const { names, state, isRenewing, notAfter, renewsAt, lastError } = certificate;
  return [
    names.join(', '),
    { text: isRenewing ? `${state}, renewing` : state, style: styles[state] },
    notAfter === null ? 'none yet' : formatTime(notAfter),
    formatTime(renewsAt),
    lastError ?? '',
  ];
}
