"""Does a generated image show what was asked for, and the same things as the references?

``python examples/judge_generated.py "A cat next to a red cup" made.jpg cat.jpg cup.jpg``
"""

from __future__ import annotations

import sys

from edgeseg import EdgeSegAI


def main(prompt: str, generated: str, *references: str) -> None:
    """Print what is missing, wrong and paired; ``found.report(path)`` writes a page of it."""
    with EdgeSegAI() as ai:
        found = ai.segment_entities(prompt, references, generated)
    judgement = found.judgement
    if judgement is None:
        print(f"{generated} cannot be read.")
        return
    print(f"missing: {', '.join(judgement.missing) or 'nothing'}")
    for part, (passed, checked) in judgement.checks.items():
        print(f"{part}: {passed} of {checked}")
    for pairing in found.result.pairings:
        if pairing.paired and pairing.image is not None:
            print(f"{pairing.generated} is {pairing.contextual} of {references[pairing.image]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
