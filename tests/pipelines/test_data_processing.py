"""The nodes of data_processing, and the tables that a run of the project wrote."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import derive_features, derive_household_features
from customer_segmentation.pipelines.data_processing import create_pipeline


def test_the_pipeline_goes_from_the_file_to_its_tables() -> None:
    pipeline = create_pipeline()
    assert {name for name in pipeline.inputs() if not name.startswith("params:")} == {
        "raw_households"
    }
    tables = {"households", "household_features", "data_quality"}
    assert pipeline.all_outputs() == {*tables, "households_exploration"}
    assert [node.name for node in pipeline.nodes] == [
        "data_processing.validate_households",
        "data_processing.derive_household_features",
        "data_processing.explore_households",
        "data_processing.check_data_quality",
    ]
    assert all(node.tags == {"data_processing"} for node in pipeline.nodes)


def test_features_carry_the_identifier_the_variables_and_both_flags(
    households: pd.DataFrame, features: pd.DataFrame, codebook: Codebook
) -> None:
    flags = [codebook.column(Role.THIN_RECORD), codebook.column(Role.BLANK_RECORD)]
    derived = [variable.name for variable in codebook.derived]
    assert list(features.columns) == [codebook.identifier, *derived, *flags]
    assert features[codebook.identifier].equals(households[codebook.identifier])
    assert [str(dtype) for dtype in features[flags].dtypes] == ["bool", "bool"]
    pd.testing.assert_frame_equal(features[derived], derive_features(households, codebook))


def test_the_parameter_moves_the_thin_flag(households, parameters) -> None:
    thin = str(parameters.codebook.column(Role.THIN_RECORD))
    counts = [
        int(
            derive_household_features(
                households,
                parameters.codebook,
                parameters.data_processing.model_copy(update={"minimum_transactions": fewest}),
            )[thin].sum()
        )
        for fewest in (1, 11, 1000)
    ]
    assert counts == [0, 57, 600]


def test_a_run_writes_what_the_functions_return(
    project_run, households: pd.DataFrame, features: pd.DataFrame
) -> None:
    pd.testing.assert_frame_equal(project_run.load("households"), households)
    pd.testing.assert_frame_equal(project_run.load("household_features"), features)
    quality = project_run.load("data_quality")
    assert quality.set_index("check").loc["households", "rows"] == len(households)
