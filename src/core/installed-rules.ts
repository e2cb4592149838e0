/** Rules that the system's package manager has put on this machine. */

/** In the place of a folder: Debian's package `modsecurity-crs`. */
export const installedCrs = 'installed:crs';
/** Where it puts its rules; its setup is in /etc/modsecurity/crs. */
export const installedCrsFolder = '/usr/share/modsecurity-crs';
