"""What a page that opens anywhere is made of."""
