/// Counts how calls end where a number of successes decides a gather.
///
/// What counts are the calls that no other call refers to: the others are only steps on the way to them. Once it is met
/// or lost, it stays so.
struct Quorum {
    /// How many calls have to succeed.
    private let goal: Int
    /// How many calls count, those left out that no condition wants.
    private var counted: Int
    private var succeeded = 0
    private var failed = 0
    /// How many required calls, counted or not, have not ended.
    private var required: Int

    init(of goal: Int, in endpoint: Endpoint) {
        self.goal = goal
        counted = endpoint.countedCalls.count
        required = endpoint.calls.count(where: \.isRequired)
    }

    /// Whether the successes decide: there are as many as are wanted, and those of all required calls are among them.
    var isMet: Bool { succeeded >= min(goal, counted) && required == 0 }

    /// Whether there can no longer be as many.
    var isLost: Bool { min(goal, counted) > counted - failed }

    /// Records a call's end. That a required call failed is for the caller to see to.
    ///
    /// An old body that stands in is neither a success that decides nor a failure: it is the answer if nothing better
    /// comes.
    mutating func note(_ report: CallReport, isCounted: Bool, isRequired: Bool) {
        if isRequired { required -= 1 }
        guard isCounted else { return }
        if report.outcome == .ok {
            succeeded += 1
        } else if report.isUnwanted {
            counted -= 1
        } else if report.staleAge == nil {
            failed += 1
        }
    }
}
