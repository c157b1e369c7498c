"""Multi-scale deformable attention: one public function, several implementations."""
