"""scikit-learn's callbacks, where it has them: from 1.9 on, as an experiment.  Floor 0.

With an earlier version everything here is there and does nothing.
"""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class NoTask:
        """A task that nobody listens to."""

        def subcontext(self, **_):
            """Return a part of the task."""
            return self

        def call_on_fit_task_begin(self, **_):
            """Begin."""
            return self

        def call_on_fit_task_end(self, **_):
            """End, and do not stop."""
            return False

    class CallbackSupportMixin:
        """An estimator without callbacks."""

        def _init_callback_context(self, **_):
            return NoTask()

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "with_callbacks"]
