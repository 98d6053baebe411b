"""Tickets planted in random networks: does edge-popup keep one, find it, or leave it?"""
