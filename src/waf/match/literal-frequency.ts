/**
 * How often a string stands at a place of ordinary requests and pages: which of the strings that a match needs is worth
 * looking for? Bytes by themselves tell little of that: `y with o` is made of rare letters, and is in every other page.
 *
 * So a string is taken apart into bytes and into pieces of a sample of what people write and pages are made of, in the way
 * that makes it likeliest. Like `byteFrequency` a rough model: wrong numbers cost time, never a match.
 */
import { byteFrequency } from './byte-frequency.ts';

/** Each word is there once or twice, as words that are frequent and words that are not differ by less than the rest does. */
const sample = [
  '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="content-type" content="text/html; charset=utf-8" />',
  '<html><head><title>home page</title>\n<link rel="stylesheet" type="text/css" href="/static/css/style.css">',
  '<script type="text/javascript" src="/static/js/main.js"></script>\n</head>\n<body class="page">\n<div id="content" class="main">',
  '<h1>welcome</h1>\n<h2>news</h2>\n<p>the first</p>\n<ul>\n<li><a href="/index.html">start</a></li>\n</ul><br>\n<br />',
  '<table border="0"><tr><td width="100%">name</td></tr></table>\n<form action="/search" method="post"><input type="text" name="q" value="">',
  '<img src="/images/logo.png" alt="logo"></span></div>\n<font size="2" color="#ffffff"><b>note:</b></font>\n</body>\n</html>',
  '{"id":1,"name":"example","items":[{"type":"order","value":true}],"error":null,"status":"ok","message":""}',
  'https://www.example.com/products/list?page=2&sort=price&id=10&lang=en http://example.org/ name@example.com',
  'content-type: application/json application/x-www-form-urlencoded multipart/form-data text/plain user-agent: mozilla/5.0 accept',
  'function (this, event) { return false; } var data = new array(); document.getelementbyid("menu").onclick',
  'the of and to in a is that for it as was with be by on not he i his but at are this have from or had an they which you were',
  'all her she there would their we him been has when who will no more if out so up said what its about than into them can only',
  'other time new some could these two may first then do any like my now over such our man me even most made after also did many',
  'before must well back through years where much your way down should because long each just those people how too little state',
  'good very make world still see own work men day get here between both life being under three never know same last another',
  'while us might great go come since against right came take used himself few house use place american high without again home',
  'around small however found thought went say part once general upon school every does got number until always away something',
  'fact though less put think almost enough far took yet government system better set told nothing night end why called find',
  'going look asked later knew point next program city business give group toward young days let room president side social',
  'given present several order national second possible rather per face among form often things looking early white case',
  'become large big need four within felt children along saw best church ever least power development light thing seemed family',
  'interest want members mind country area others done turned although open service certain kind problem began different door',
  'thus help means whole matter shop cart price product customer account password login register email address phone contact',
  'download version file files user users date error warning invalid unknown missing required cannot could not is not found',
  'supported does not exist must be a valid argument must be of type array string integer number class method function expected',
  'given value values parameter parameters type types object field property index key offset length size maximum minimum',
  'failed to open read write create server database table column select from where insert into update delete connection',
  'available because of the request response header image text message line character format encoding option directory path',
].join('\n');

const pieceBytesMin = 3;
const pieceBytesMax = 8;
const pieces = piecesOf(sample);
const known = new Map<string, number>();
/** Of texts whose frequency is kept: a full compile asks for the same ones again and again. */
const knownMax = 200_000;

/** Of a literal in any case; at most 1. */
export function literalFrequency(literal: string): number {
  const before = known.get(literal);
  if (before !== undefined) return before;
  /** Of what stands before each place. */
  const likeliest = [1];
  for (let end = 1; end <= literal.length; end++) {
    let best =
      (likeliest[end - 1] as number) * (byteFrequency[literal.charCodeAt(end - 1)] ?? 0.001);
    for (let bytes = pieceBytesMin; bytes <= pieceBytesMax && bytes <= end; bytes++) {
      const piece = pieces.get(literal.slice(end - bytes, end));
      if (piece !== undefined) best = Math.max(best, (likeliest[end - bytes] as number) * piece);
    }
    likeliest.push(best);
  }
  const frequency = likeliest.at(-1) as number;
  if (known.size >= knownMax) known.clear();
  known.set(literal, frequency);
  return frequency;
}

function piecesOf(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at < text.length; at++)
    for (let bytes = pieceBytesMin; bytes <= pieceBytesMax && at + bytes <= text.length; bytes++) {
      const piece = text.slice(at, at + bytes);
      counts.set(piece, (counts.get(piece) ?? 0) + 1 / text.length);
    }
  return counts;
}
