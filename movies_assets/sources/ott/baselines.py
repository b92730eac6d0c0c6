"""Check that a strategy is better than the baselines; the check only warns."""

from collections.abc import Sequence

import ibis

from movies_assets.core.check import Check, CheckContext, Finding, judge


def beats(strategy: str, baselines: Sequence[str], measures: Sequence[str]) -> Check:
    """Build the check that a strategy is above others in every measure.

    Args:
        strategy: the strategy to check; the column `strategy` names it.
        baselines: those to be beaten; the check is named after the first one.
        measures: columns; a measure that is unknown or missing proves nothing.
    """

    def evaluate(context: CheckContext) -> Finding:
        best_first = ibis.desc(measures[0], nulls_first=False)
        found = context.fetch(context.stored.order_by(best_first))
        figures = {row["strategy"]: row for row in found}

        def is_above(baseline: str, measure: str) -> bool:
            ours, theirs = (figures.get(name, {}).get(measure) for name in (strategy, baseline))
            return ours is not None and theirs is not None and ours > theirs

        return judge(
            {
                f"{measure} not above that of {baseline}": int(not is_above(baseline, measure))
                for measure in measures
                for baseline in baselines
            },
            metadata={"figures": found},
            say=lambda rule, _: rule,
            is_warning=True,
            advice="Look at the figures: recommendations that are no better than the same titles "
            "for all users are not worth computing. Where few users are evaluated, wait for more "
            "events.",
        )

    return Check(
        name=f"beats_{baselines[0]}",
        description=f"{strategy} is above {' and '.join(baselines)} in "
        f"{' and '.join(measures)} (warns).",
        evaluate=evaluate,
    )
