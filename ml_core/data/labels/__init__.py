"""What people have drawn on pictures, in the forms in which they bring and take it."""
