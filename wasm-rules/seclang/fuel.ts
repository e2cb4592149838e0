/**
 * What a call may cost (`engine/budget.ts`). Every loop whose length a request decides is charged: bytes times
 * passes, records, steps along lists. Where the budget is used up the call ends as a failure, whatever it was doing.
 */
import { budgetLeft, charge as chargeBudget, setBudget } from '../engine/budget';

let given: i64 = 0;

export function refuel(units: i64): void {
  given = units;
  setBudget(units);
}

export function fuelUsed(): i64 {
  return given - budgetLeft();
}

export function isOutOfFuel(): bool {
  return budgetLeft() < 0;
}

@inline
export function charge(units: u32): void {
  if (!chargeBudget(units)) unreachable();
}
