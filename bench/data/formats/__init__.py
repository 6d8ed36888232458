"""What samples are stored as: images, DICOM, NIfTI, clips, boxes, masks, features."""
