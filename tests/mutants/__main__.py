"""`python -m tests.mutants`: each patch of this folder breaks a promise. Exits with 1 if one does so and the tests stay green.

Each is applied in a copy of the tree of its own, and the tests that it names must fail there; without it they are green.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.mutant import Mutant, read_all
from tests.mutants.trial import Outcome, run

AT_ONCE = 2


def main() -> int:
    mutants = read_all()
    width = max(len(mutant.name) for mutant in mutants)
    survivors = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        unpatched = pool.submit(run, None, sorted({test for mutant in mutants for test in mutant.tests}))
        runs = [(mutant, pool.submit(run, mutant.patch, mutant.tests)) for mutant in mutants]
        if why := _not_green(unpatched.result()):
            pool.shutdown(cancel_futures=True)
            print(why)
            return 1
        print(f"{'mutant':{width}}  seconds  caught by")
        for mutant, future in runs:
            outcome = future.result()
            print(f"{mutant.name:{width}}  {outcome.seconds:7.1f}  {outcome.failed or 'NOTHING'}", flush=True)
            if outcome.failed is None:
                survivors.append(_survived(mutant, outcome))
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants caught")
    for survivor in survivors:
        print(survivor)
    return 1 if survivors else 0


def _not_green(unpatched: Outcome) -> str | None:
    what = unpatched.trouble or (unpatched.failed and f"{unpatched.failed} failed")
    return f"Without any patch the tests must be green, or they show nothing: {what}" if what else None


def _survived(mutant: Mutant, outcome: Outcome) -> str:
    why = outcome.trouble or f"all of {' '.join(mutant.tests)} passed: name or write a test that shows it."
    return f"\n{mutant.name} ({mutant.breaks})\n{why}"


if __name__ == "__main__":
    sys.exit(main())
