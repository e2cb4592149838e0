/** Tags and attributes of HTML, SVG and MathML with which a value can run script or load what does. */
import { addWords, kindOfHash } from './word-table';

export namespace Html {
  /** Enough by itself. */
  export const tag: i32 = 1;
  /** Runs its value. */
  export const event: i32 = 2;
  /** Its value is an address. */
  export const url: i32 = 3;
  /** Enough by itself inside a tag: `style`, `xmlns`, `srcdoc`… */
  export const attribute: i32 = 4;
  /** Its value names another attribute, which an animation sets. */
  export const indirect: i32 = 5;
}

const tags: string =
  'applet base comment embed frame frameset handler iframe import isindex link listener meta noscript object script style vmlframe xml xss svg math bgsound layer ilayer portal template fencedframe';
const events: string =
  'onabort onactivate onafterprint onafterscriptexecute onafterupdate onanimationcancel onanimationend onanimationiteration onanimationstart onappinstalled onauxclick onbeforeactivate onbeforecopy onbeforecut onbeforedeactivate onbeforeeditfocus onbeforeinput onbeforematch onbeforepaste onbeforeprint onbeforescriptexecute onbeforetoggle onbeforeunload onbeforeupdate onbegin onblur onbounce oncancel oncanplay oncanplaythrough oncellchange onchange onclick onclose oncontentvisibilityautostatechange oncontextmenu oncontrolselect oncopy oncuechange oncut ondataavailable ondatasetchanged ondatasetcomplete ondblclick ondeactivate ondrag ondragdrop ondragend ondragenter ondragexit ondragleave ondragover ondragstart ondrop ondurationchange onemptied onend onended onerror onerrorupdate onfilterchange onfinish onfocus onfocusin onfocusout onformchange onformdata onforminput onfullscreenchange onfullscreenerror ongotpointercapture onhashchange onhelp oninput oninvalid onkeydown onkeypress onkeyup onlanguagechange onlayoutcomplete onload onloadeddata onloadedmetadata onloadend onloadstart onlosecapture onlostpointercapture onmediacomplete onmediaerror onmessage onmousedown onmouseenter onmouseleave onmousemove onmouseout onmouseover onmouseup onmousewheel onmove onmoveend onmovestart onmozfullscreenchange onoffline ononline onoutofsync onpagehide onpageshow onpaste onpause onplay onplaying onpointercancel onpointerdown onpointerenter onpointerleave onpointermove onpointerout onpointerover onpointerrawupdate onpointerup onpopstate onprogress onpropertychange onratechange onreadystatechange onrepeat onreset onresize onresizeend onresizestart onresume onreverse onrowenter onrowexit onrowinserted onrowsdelete onrowsenter onrowsinserted onscroll onscrollend onscrollsnapchange onsearch onsecuritypolicyviolation onseek onseeked onseeking onselect onselectionchange onselectstart onshow onslotchange onstalled onstart onstop onstorage onsubmit onsuspend onsyncrestored ontimeerror ontimeupdate ontoggle ontouchcancel ontouchend ontouchmove ontouchstart ontrackchange ontransitioncancel ontransitionend ontransitionrun ontransitionstart onunhandledrejection onunload onurlflip onvolumechange onwaiting onwebkitanimationend onwebkitanimationstart onwebkitmouseforcechanged onwebkittransitionend onwheel onzoom';
const urls: string =
  'action background by cite code codebase content data dynsrc folder formaction from href icon longdesc lowsrc manifest poster profile src srcset to url usemap values xlink:href';
const attributes: string = 'style srcdoc xmlns xlink dataformatas datasrc datafld filter formaction seeksegmenttime is';

const bits: i32 = 10;
const table: usize = memory.data(8 << bits, 16);
const tagSalt: u32 = 0x9e37_79b9;
let isReady: bool = false;

/** `Html.tag`, or 0. */
export function kindOfTag(hash: u32): i32 {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash ^ tagSalt);
}

export function kindOfAttribute(hash: u32): i32 {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash);
}

function fill(): void {
  isReady = true;
  addWords(table, bits, tags, Html.tag, tagSalt);
  addWords(table, bits, events, Html.event, 0);
  addWords(table, bits, attributes, Html.attribute, 0);
  addWords(table, bits, urls, Html.url, 0);
  addWords(table, bits, 'attributename', Html.indirect, 0);
}
