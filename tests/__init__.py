"""Tests of the template: its questionnaire, what it renders, and how projects are updated."""
