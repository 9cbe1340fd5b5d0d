"""Where each pixel looks: catalog, sources, plate solution, distortion."""
