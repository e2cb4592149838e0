/**
 * Programs that a command injection runs, by what has to follow for it to be a command and no word of a sentence.
 *
 * The lists are text, so that a word with wildcards in it (`/???/c?t`) can be compared with each name.
 */
import { addWords, kindOfHash } from '../inject/word-table';

export namespace CommandWord {
  /** Nothing has to follow: no language has these words. */
  export const bare: i32 = 1;
  /** Words that mean something else too: bare only where they stand close to what separates commands. */
  export const soft: i32 = 2;
  /** A path, an option, an address, a variable, a quoted or redirected text. */
  export const argument: i32 = 3;
  /** Runs what follows: an option or a command. */
  export const shell: i32 = 4;
  /** Stands in front of another command. */
  export const prefix: i32 = 5;
  /** A number follows: `sleep 5`. */
  export const number: i32 = 6;
  /** A sub-command follows: `net user`. */
  export const sub: i32 = 7;
  /** Prints what follows. */
  export const echo: i32 = 8;
}

const bares: string =
  'whoami ifconfig ipconfig netstat systeminfo sysinfo uname printenv tasklist lsusb lspci getent lsmod arp-scan dmesg iptables nslookup traceroute tracert shellshock phpinfo';
const softs: string =
  'id pwd hostname dir ls ps w who set date uptime users groups last finger route arp df mount history jobs free top ver';
const arguments_: string =
  'cat tac less more head tail nl od xxd hexdump strings rev sort uniq cut grep egrep fgrep awk gawk sed find locate cp mv rm rmdir mkdir chmod chown touch ln dd tar gzip gunzip zip unzip curl wget fetch lynx w3m links aria2c ftp tftp scp rsync ssh telnet nc ncat netcat nmap socat ping ping6 dig host type copy del erase move ren attrib certutil bitsadmin mshta rundll32 regsvr32 wmic cscript wscript findstr base64 base32 openssl tee xargs cal crontab at kill killall pkill useradd userdel passwd su service systemctl apt apt-get yum dpkg docker kubectl git svn make gcc cc man vi vim nano ed ex diff cmp file stat readlink realpath lsof strace gdb screen tmux mail sendmail mysql psql sqlite3 redis-cli mongo aws gcloud az tree wc paste fold expand pr column iconv 7z ansible ansible-playbook ascii85 aspell axel base58 basenc batcat bc bcdboot bcdedit bsdtar bridge bpftrace bundle bunzip2 busctl bzcat bzip2 c89 c99 capsh cargo certbot choom cobc composer cpan cpio cpulimit crash csplit cupsfilter debugfs dmidecode dmsetup dnf dotnet dpkg-deb emacs enscript exiftool facter fdisk flock fping gcore gem genisoimage ghc gobuster hexedit hping3 httpie ip irb jjs jq jrunscript jshell julia knife ksu latex ldconfig lftp loginctl logsave lsblk ltrace lwp-download lwp-request lzma lzcat mawk minicom mkfifo mknod mosquitto_sub msgattrib nsenter ntpdate octave openvpn pandoc perf pic pico pip pip3 pkexec pkg puppet pyenv rake readelf red restic rlogin rlwrap rpm rpmquery rtorrent run-parts rview rvim scanmem scrot setarch setfacl setlock shuf smbclient smbmap snap soelim softlimit split ss ssh-agent ssh-copy-id ssh-keygen ssh-keyscan sshpass start-stop-daemon sysctl systemd-run systemd-resolve taskset tcpdump telnetd terraform tex tic timedatectl tmate torify torsocks troff umount unexpand unlink unshare unsquashfs unxz update-alternatives uudecode uuencode vagrant valgrind vimdiff vipw virsh visudo vmstat wish xdotool xelatex xetex xmodmap xz xzcat xzgrep yarn yelp npm npx zathura zcat zgrep zless zsoelim zstd zstdcat zstdgrep zypper cd iwr iwmi irm iex gci gwmi saps icacls takeown cacls robocopy xcopy net1 fsutil diskpart vssadmin wbadmin quser qwinsta psexec forfiles expand.exe pushd mklink taskkill ntdsutil dsquery nltest netsh.exe';
const shells: string =
  'sh bash zsh ksh dash ash csh tcsh fish rbash cmd cmd.exe powershell powershell.exe pwsh perl python python2 python3 ruby php php5 php7 php8 node nodejs lua tclsh expect java osascript';
const prefixes: string = 'sudo nohup time command builtin exec env busybox setsid stdbuf timeout nice ionice watch doas chroot unbuffer eval';
const numbers: string = 'sleep usleep';
const subs: string = 'net netsh reg sc schtasks which where whereis wevtutil';
const echoes: string = 'echo printf print';

const bits: i32 = 11;
const table: usize = memory.data(8 << bits, 16);
let isReady: bool = false;

/** Of a whole word in lower case; 0: no command. */
export function kindOfCommand(hash: u32): i32 {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash);
}

/** Of a word with `?`, `*` or `[…]` in it: the first command it may become. */
export function kindOfPattern(word: usize, length: i32): i32 {
  if (couldBe(word, length, bares)) return CommandWord.bare;
  if (couldBe(word, length, arguments_)) return CommandWord.argument;
  if (couldBe(word, length, shells)) return CommandWord.shell;
  return couldBe(word, length, softs) ? CommandWord.soft : 0;
}

function couldBe(word: usize, length: i32, names: string): bool {
  let first = 0;
  for (let i = 0; i <= names.length; i++) {
    if (i < names.length && names.charCodeAt(i) != 0x20) continue;
    if (globs(word, length, names, first, i)) return true;
    first = i + 1;
  }
  return false;
}

/** `[…]` is any one letter here. Words have 32 bytes at most, names fewer, so this is short. */
function globs(word: usize, length: i32, names: string, first: i32, end: i32): bool {
  let at = 0;
  let letter = first;
  let star = -1;
  let mark = 0;
  while (letter < end) {
    const byte: u32 = at < length ? load<u8>(word + at) : 0;
    if (byte == 0x2a) {
      star = ++at;
      mark = letter;
    } else if (byte == 0x3f || byte == <u32>names.charCodeAt(letter)) {
      at++;
      letter++;
    } else if (star >= 0) {
      at = star;
      letter = ++mark;
    } else return false;
  }
  while (at < length && load<u8>(word + at) == 0x2a) at++;
  return at == length;
}

function fill(): void {
  isReady = true;
  addWords(table, bits, bares, CommandWord.bare, 0);
  addWords(table, bits, softs, CommandWord.soft, 0);
  addWords(table, bits, arguments_, CommandWord.argument, 0);
  addWords(table, bits, shells, CommandWord.shell, 0);
  addWords(table, bits, prefixes, CommandWord.prefix, 0);
  addWords(table, bits, numbers, CommandWord.number, 0);
  addWords(table, bits, subs, CommandWord.sub, 0);
  addWords(table, bits, echoes, CommandWord.echo, 0);
}
