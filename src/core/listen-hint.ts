/** What to do about a bind(2) or listen(2) that failed. `code` is the name of the errno. */
export function listenHint(code: string): string {
  if (code === 'EADDRINUSE')
    return 'another program has the port; stop it or choose another address';
  if (code === 'EACCES') return 'ports below 1024 need the capability cap_net_bind_service';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return code;
}
