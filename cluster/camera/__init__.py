"""From pictures of a camera, a video or a folder to frames in Kafka."""
