/**
 * How much work the call may still do. One unit is about one byte looked at by one pass; whoever works charges
 * before it does, and whoever sees that nothing is left ends the call with a failure.
 */
let left: i64 = 0;

export function setBudget(units: i64): void {
  left = units;
}

export function budgetLeft(): i64 {
  return left;
}

/** False: used up. */
@inline
export function charge(units: i64): bool {
  left -= units;
  return left >= 0;
}
