"""The erasure of a person removes the words of their care plan; plan, lead, review and deadlines stay."""

import asyncpg

from infra.operations.erasure.words import erase_in
from shared.contracts.care_plans import CarePlanRecorded
from shared.kernel.ids import PersonId
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_discussion, read

WORDS = ("To keep bees.", "Sudden confusion.", "Treat at home first.", "Call the beekeeper.", "Shaky hands.", "Ottoline")
CRISIS = dict(zip(("warning_signs", "what_to_do", "whom_to_call"), WORDS[1:4], strict=True))
CARER = {"name": WORDS[5], "relationship": "niece", "telephone": None}
JOINT_PLAN = {
    "what_matters": WORDS[0],
    "preferred_place_of_care": "home",
    "crisis": CRISIS,
    "problems": [WORDS[4]],
    "carer": CARER,
}
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'mdt'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
_PENDING = "SELECT kind, due_at FROM mdt.deadline WHERE state = 'pending' ORDER BY due_at, kind"


async def _remaining(owner: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    """The words that a table of the meeting contains."""
    found = set()
    for table in await owner.fetch(_TABLES):
        for row in await owner.fetch(f"SELECT t::text AS row FROM mdt.{table['relname']} AS t"):  # noqa: S608  names of the catalogue
            found |= {word for word in WORDS if word in row["row"]}
    return found


async def test_erased_plan_keeps_its_duties(context: RunningContext, owner_url: str) -> None:
    patient = await Patient.discussed(context, joint_plan=a_discussion()["joint_plan"] | JOINT_PLAN)
    owner = await asyncpg.connect(owner_url)
    try:
        before, pending = await patient.plan(), await owner.fetch(_PENDING)
        assert await _remaining(owner) == set(WORDS)
        assert [event.what_matters for event in await context.published(CarePlanRecorded)] == [WORDS[0]]

        erased = await erase_in(owner, "mdt", {PersonId(patient.person_id): 1})

        assert await _remaining(owner) == set()
        assert (erased["data keys"], erased["care_plan"], erased["care_plan_version"]) == (1, 1, 1)
        assert await owner.fetchval("SELECT count(*) FROM mdt.event WHERE topic = 'mdt.care-plan-record' AND data_key IS NOT NULL") == 0
        assert await owner.fetchval("SELECT count(*) FROM mdt.outbox JOIN mdt.event USING (seq) WHERE data_key IS NULL") >= 1
        assert await owner.fetch(_PENDING) == pending
        after = await patient.plan()
        assert [after[name] for name in ("id", "status", "version")] == [before[name] for name in ("id", "status", "version")]
        assert after["in_force"]["joint_plan"]["what_matters"] == "not given"
        assert await read(context, f"/mdt/care-plans/{after['id']}/actions")
    finally:
        await owner.close()
