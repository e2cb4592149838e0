/**
 * What a call may cost. Every loop whose length a request decides is charged: bytes times passes, records,
 * steps along lists. Where the budget is used up the call ends as a failure, whatever it was doing.
 */
let left: i64 = 0;
let given: i64 = 0;

export function refuel(units: i64): void {
  left = units;
  given = units;
}

export function fuelUsed(): i64 {
  return given - left;
}

export function isOutOfFuel(): bool {
  return left < 0;
}

// @ts-ignore: a decorator of the compiler
@inline
export function charge(units: u32): void {
  left -= units;
  if (left < 0) unreachable();
}
