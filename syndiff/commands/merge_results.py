"""`syndiff merge-results`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class MergeResults:
    """Put the result files of the shards of one evaluation together; refuses what does not belong together."""

    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """File to write."""
    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILES")]
    """Files written by `syndiff evaluate --shard`."""

    def run(self) -> int:
        from leaderboard.results import EXIT_PARTIAL
        from leaderboard.shards import merge_results

        merged = merge_results(self.files, self.out)
        missing = merged.missing()
        print(f"{self.out}: {len(merged.records)} of {len(merged.planned)} drives")
        if missing:
            named = ", ".join(str(key) for key in missing[:8])
            print(f"partial: {len(missing)} drives have no record, the first of them {named}", file=sys.stderr)
            return EXIT_PARTIAL
        return 0
