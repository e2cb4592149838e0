/**
 * The names themselves, in lower case and sorted, each with where it counts. `/` stands for any run of
 * slashes of either direction.
 */

/** Counts in a path. */
export const usePath: u8 = 1;
/** Counts in a query value or a header. */
export const useValue: u8 = 2;
/** No letter or digit may follow. */
export const useAlone: u8 = 4;
/** A scheme: counts only where a query value begins. */
export const useWrapper: u8 = 8;

const path = usePath;
const value = useValue;
const alone = useAlone;
const wrapper = useWrapper;

export const targetNames: StaticArray<string> = [
  '.aws/config',
  '.aws/credentials',
  '.bash_history',
  '.docker/config.json',
  '.env',
  '.git/config',
  '.git/head',
  '.git/index',
  '.git/logs/head',
  '.hg/hgrc',
  '.htaccess',
  '.htpasswd',
  '.kube/config',
  '.mysql_history',
  '.netrc',
  '.npmrc',
  '.pgpass',
  '.ssh/authorized_keys',
  '.ssh/id_ecdsa',
  '.ssh/id_ed25519',
  '.ssh/id_rsa',
  '.ssh/known_hosts',
  '.svn/entries',
  '.svn/wc.db',
  'apache/logs/',
  'boot.ini',
  'bzip2:/',
  'compress.bzip2:/',
  'compress.zlib:/',
  'data:/',
  'desktop/desktop.ini',
  'dict:/',
  'etc/apache',
  'etc/crontab',
  'etc/debian_version',
  'etc/fstab',
  'etc/group',
  'etc/gshadow',
  'etc/hostname',
  'etc/hosts',
  'etc/httpd.conf',
  'etc/httpd/',
  'etc/inetd.conf',
  'etc/init.d/',
  'etc/issue',
  'etc/logrotate.d/',
  'etc/master.passwd',
  'etc/motd',
  'etc/my.cnf',
  'etc/mysql/',
  'etc/nginx/',
  'etc/os-release',
  'etc/pam.d/',
  'etc/passwd',
  'etc/passwd-',
  'etc/php',
  'etc/php.ini',
  'etc/profile',
  'etc/proftpd',
  'etc/pure-ftpd',
  'etc/redhat-release',
  'etc/resolv.conf',
  'etc/security/',
  'etc/shadow',
  'etc/ssh/',
  'etc/sudoers',
  'etc/sysconfig/',
  'etc/vsftpd',
  'expect:/',
  'file:/',
  'glob:/',
  'gopher:/',
  'inetpub/logs',
  'inetpub/wwwroot',
  'jar:file:',
  'jar:http',
  'local_file:/',
  'meta-inf/context.xml',
  'netdoc:',
  'ogg:/',
  'opt/lampp/',
  'phar:/',
  'php:/',
  'proc/cmdline',
  'proc/cpuinfo',
  'proc/mounts',
  'proc/net/',
  'proc/sched_debug',
  'proc/self/',
  'proc/version',
  'rar:/',
  'ssh2.',
  'sysprep/sysprep',
  'system32/config',
  'system32/drivers/etc',
  'system32/inetsrv',
  'system32/logfiles',
  'usr/local/apache',
  'usr/local/etc/',
  'usr/local/php',
  'var/lib/mysql/',
  'var/log/',
  'var/run/secrets/',
  'var/spool/cron',
  'web-inf/',
  'web.config',
  'win.ini',
  'windows/debug',
  'windows/iis',
  'windows/panther',
  'windows/php.ini',
  'windows/repair',
  'windows/system32',
  'winnt/php.ini',
  'winnt/repair',
  'winnt/system32',
  'wp-config.bak',
  'wp-config.php',
  'xampp/apache',
  'xampp/mysql',
  'xampp/phpmyadmin',
  'zip:/',
  'zlib:/',
];

/** One for each name above, in the same order. */
export const targetUses: StaticArray<u8> = [
  path | value | alone, // .aws/config
  path | value | alone, // .aws/credentials
  path | value | alone, // .bash_history
  path | value | alone, // .docker/config.json
  path | value | alone, // .env
  path | value | alone, // .git/config
  path | value | alone, // .git/head
  path | value | alone, // .git/index
  path | value | alone, // .git/logs/head
  path | value | alone, // .hg/hgrc
  path | value | alone, // .htaccess
  path | value | alone, // .htpasswd
  path | value | alone, // .kube/config
  path | value | alone, // .mysql_history
  path | value | alone, // .netrc
  path | value | alone, // .npmrc
  path | value | alone, // .pgpass
  path | value | alone, // .ssh/authorized_keys
  path | value | alone, // .ssh/id_ecdsa
  path | value | alone, // .ssh/id_ed25519
  path | value | alone, // .ssh/id_rsa
  path | value | alone, // .ssh/known_hosts
  path | value | alone, // .svn/entries
  path | value | alone, // .svn/wc.db
  value, // apache/logs/
  path | value | alone, // boot.ini
  wrapper, // bzip2:/
  wrapper, // compress.bzip2:/
  wrapper, // compress.zlib:/
  wrapper, // data:/
  value, // desktop/desktop.ini
  wrapper, // dict:/
  value, // etc/apache
  value | alone, // etc/crontab
  value | alone, // etc/debian_version
  value | alone, // etc/fstab
  path | value | alone, // etc/group
  path | value | alone, // etc/gshadow
  value | alone, // etc/hostname
  value | alone, // etc/hosts
  value | alone, // etc/httpd.conf
  value, // etc/httpd/
  value | alone, // etc/inetd.conf
  value, // etc/init.d/
  value | alone, // etc/issue
  value, // etc/logrotate.d/
  path | value | alone, // etc/master.passwd
  value | alone, // etc/motd
  value | alone, // etc/my.cnf
  value, // etc/mysql/
  value, // etc/nginx/
  value | alone, // etc/os-release
  value, // etc/pam.d/
  path | value | alone, // etc/passwd
  path | value | alone, // etc/passwd-
  value, // etc/php
  value | alone, // etc/php.ini
  value | alone, // etc/profile
  value, // etc/proftpd
  value, // etc/pure-ftpd
  value | alone, // etc/redhat-release
  value | alone, // etc/resolv.conf
  value, // etc/security/
  path | value | alone, // etc/shadow
  value, // etc/ssh/
  path | value | alone, // etc/sudoers
  value, // etc/sysconfig/
  value, // etc/vsftpd
  wrapper, // expect:/
  wrapper, // file:/
  wrapper, // glob:/
  wrapper, // gopher:/
  value, // inetpub/logs
  value, // inetpub/wwwroot
  wrapper, // jar:file:
  wrapper, // jar:http
  wrapper, // local_file:/
  path | value, // meta-inf/context.xml
  wrapper, // netdoc:
  wrapper, // ogg:/
  value, // opt/lampp/
  wrapper, // phar:/
  wrapper, // php:/
  value, // proc/cmdline
  value, // proc/cpuinfo
  value, // proc/mounts
  value, // proc/net/
  value, // proc/sched_debug
  path | value, // proc/self/
  value, // proc/version
  wrapper, // rar:/
  wrapper, // ssh2.
  value, // sysprep/sysprep
  value, // system32/config
  value, // system32/drivers/etc
  value, // system32/inetsrv
  value, // system32/logfiles
  value, // usr/local/apache
  value, // usr/local/etc/
  value, // usr/local/php
  value, // var/lib/mysql/
  value, // var/log/
  value, // var/run/secrets/
  value, // var/spool/cron
  path | value, // web-inf/
  path | value | alone, // web.config
  path | value | alone, // win.ini
  value, // windows/debug
  value, // windows/iis
  value, // windows/panther
  value, // windows/php.ini
  value, // windows/repair
  path | value, // windows/system32
  value, // winnt/php.ini
  value, // winnt/repair
  path | value, // winnt/system32
  path | value | alone, // wp-config.bak
  path | value | alone, // wp-config.php
  value, // xampp/apache
  value, // xampp/mysql
  value, // xampp/phpmyadmin
  wrapper, // zip:/
  wrapper, // zlib:/
];
