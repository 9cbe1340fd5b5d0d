"""What is done to one frame or one field; a stage applies it to a night, following to each frame as it comes."""
