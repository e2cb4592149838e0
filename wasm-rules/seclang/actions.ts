/** What a match changes: variables (`setvar`), and how the rest of the request is looked at (`ctl`). */
import { settleCaptures } from './captures';
import {
  captureSlots,
  Change,
  ControlKind,
  ControlWord,
  EngineMode,
  follow,
  imageAt,
  LinkWord,
  noSlot,
  SetWord,
  textAt,
  textLength,
  ValueKind,
  word,
} from './layout';
import { expand, expandedAt, expandedLength } from './macros';
import { parseNumber } from './text';
import {
  engineMode,
  isMonitored,
  removeRules,
  removeTarget,
  setBodyProcessor,
  setEngineMode,
  setForcesRequestBody,
  setRequestBodyAccess,
  setResponseBodyAccess,
} from './transaction';
import { cellNamed, cellOf, isPinned, numberOf, setNumber, setText, unsetCell } from './tx';
import { charge } from './fuel';

export function runActions(link: usize): void {
  const sets = <i32>word(link, LinkWord.setVariableCount);
  if (sets != 0) {
    let set = follow(link, LinkWord.setVariables);
    for (let i = 0; i < sets; i++, set += SetWord.size << 2) setVariable(set);
  }
  const controls = <i32>word(link, LinkWord.controlCount);
  // What a monitored rule sets is for the rest of its chain, and taken back behind it.
  if (controls != 0 && !isMonitored) {
    let control = follow(link, LinkWord.controls);
    for (let i = 0; i < controls; i++, control += ControlWord.size << 2) runControl(control);
  }
}

function setVariable(set: usize): void {
  charge(4);
  const slot = word(set, SetWord.slot);
  let cell: usize = 0;
  if (slot != noSlot) {
    if (slot < captureSlots) settleCaptures();
    cell = cellOf(slot);
  } else {
    expand(word(set, SetWord.name));
    // `%{…}` in the name may have said 0 to 9.
    if (expandedLength == 1) settleCaptures();
    cell = cellNamed(expandedAt, expandedLength, true);
  }
  if (isPinned(cell)) return;
  const change = word(set, SetWord.change);
  if (change == Change.unset) {
    unsetCell(cell);
    return;
  }
  const kind = word(set, SetWord.valueKind);
  if (change == Change.set) {
    if (kind == ValueKind.number) setNumber(cell, <i32>word(set, SetWord.number));
    else if (kind == ValueKind.text) {
      const text = follow(set, SetWord.value);
      setText(cell, textAt(text), textLength(text));
    } else {
      expand(word(set, SetWord.value));
      setText(cell, expandedAt, expandedLength);
    }
    return;
  }
  let amount: i32 = 0;
  if (kind == ValueKind.number) amount = <i32>word(set, SetWord.number);
  else if (kind == ValueKind.text) {
    const text = follow(set, SetWord.value);
    amount = parseNumber(textAt(text), textLength(text));
  } else {
    expand(word(set, SetWord.value));
    amount = parseNumber(expandedAt, expandedLength);
  }
  const before = numberOf(cell);
  // ModSecurity keeps sums from falling below zero.
  setNumber(cell, change == Change.add ? before + amount : max(0, before - amount));
}

function runControl(control: usize): void {
  const value = word(control, ControlWord.value);
  switch (word(control, ControlWord.kind)) {
    case ControlKind.ruleEngine:
      // What the host only watches stays watched.
      setEngineMode(value == EngineMode.on && engineMode == EngineMode.detectionOnly ? engineMode : value);
      break;
    case ControlKind.removeRules:
      removeRules(imageAt(value));
      break;
    case ControlKind.removeTarget:
      removeTarget(imageAt(value), follow(control, ControlWord.target));
      break;
    case ControlKind.bodyProcessor:
      setBodyProcessor(value);
      break;
    case ControlKind.requestBodyAccess:
      setRequestBodyAccess(value != 0);
      break;
    case ControlKind.forceRequestBody:
      setForcesRequestBody(value != 0);
      break;
    case ControlKind.responseBodyAccess:
      setResponseBodyAccess(value != 0);
      break;
    default:
      break;
  }
}
