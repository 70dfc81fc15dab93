"""A real artifact with a network too small to have learnt anything: enough to be asked."""

from ml.artifacts import ArtifactInfo, write_artifact


def write_small_model(folder, classes=("bar", "dot", "ring"), size=48):
    import keras

    from tests.ml.tiny import tiny_net

    keras.utils.set_random_seed(3)
    info = ArtifactInfo(
        task="smiley",
        architecture="tiny_net",
        classes=tuple(classes),
        input_size=size,
        channels=3,
        seed=3,
        config={},
        data_hash="",
    )
    write_artifact(folder, tiny_net(len(classes), size=size, channels=3), info)
    return folder
