"""What a household record is: codebook, reader, contract and derived variables."""
