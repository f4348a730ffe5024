"""`nexusai jobs submit train`."""

from typing import Annotated

import typer

from app.cli.jobs import AsJson, follow, open_rooms


def submit_train(  # noqa: PLR0913, PLR0917 - its options
    model: Annotated[str, typer.Option(help="the registered name")],
    dataset: Annotated[str, typer.Option(help="name or name/version of a dataset")],
    version: Annotated[int | None, typer.Option(help="the version to start from; else the champion")] = None,
    name: Annotated[str, typer.Option(help="publish under this name instead")] = "",
    epochs: Annotated[int, typer.Option(help="passes over the training split, at most")] = 20,
    patience: Annotated[int, typer.Option(help="epochs without a better one after which it ends; 0: never")] = 10,
    image_size: Annotated[int | None, typer.Option(help="longer side in pixels; else the model's")] = None,
    batch: Annotated[int, typer.Option(help="pictures in a step")] = 16,
    learning_rate: Annotated[float, typer.Option()] = 0.002,
    augment: Annotated[str, typer.Option(help="none, light or strong")] = "light",
    seed: Annotated[int, typer.Option()] = 7,
    width: Annotated[
        float | None, typer.Option(help="train a YOLO11 of this width from nothing, such as 0.125")
    ] = None,
    search_minutes: Annotated[int, typer.Option(help="minutes to look for better settings first")] = 0,
    new_classes: Annotated[bool, typer.Option(help="the new version may name other classes")] = False,
    wait: Annotated[bool, typer.Option(help="watch it until it has ended")] = False,
    json: AsJson = False,
) -> None:
    """Train a model further on a version of a dataset."""
    from registry.jobs.train_parameters import read_recipe
    from registry.training.finetune.start import TrainingAsked, name_and_version

    recipe = read_recipe(
        {
            "epochs": epochs,
            "patience": patience,
            "image_size": image_size,
            "batch": batch,
            "learning_rate": learning_rate,
            "augment": augment,
            "seed": seed,
            "architecture": None if width is None else {"width": width},
            "search_minutes": search_minutes,
        }
    )
    rooms, actor = open_rooms()
    data, number = name_and_version(dataset)
    asked = TrainingAsked(model, data, version, None, number, name, new_classes=new_classes, recipe=recipe)
    job = rooms.trainings.start(actor, asked)
    follow(rooms, actor, job, wait=wait, json=json)
