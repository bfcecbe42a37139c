package projections

import "github.com/quire-ci/quire-project/domain"

// Label is the row of a label of the run.
type Label struct {
	Key   string `json:"key" doc:"The label's key."`
	Value string `json:"value" doc:"The label's value."`
}

// LabelRows is the projection "labels": one row for each label of the first RunStarted,
// in order of the keys' bytes. All are final at once.
var LabelRows = Define(Declaration[Label]{
	Name: "labels", Version: Version, Key: []string{"key"},
	New:   func() Projection[Label] { return &labels{} },
	Kinds: []domain.Kind{domain.RunStarted},
	// For the runs with a label.
	Indexes: []Index{{Name: "value", Columns: "value, key"}},
	Doc:     "The labels of the first run_started, in the order of their keys.",
})

type labels struct{}

func (*labels) Reduce(step *Step, rows []Row[Label]) []Row[Label] {
	if !step.RunStarts {
		return rows
	}
	index := 0
	for label := range step.Labels().All() {
		rows = append(rows, Row[Label]{Index: index, Final: true, Value: Label(label)})
		index++
	}
	return rows
}

func (*labels) Open(_ *Tracker, rows []Row[Label]) []Row[Label] { return rows }
