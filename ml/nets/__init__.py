"""The networks, in Keras layers and keras.ops alone, so that they run on any back end."""
