"""What the command says of itself."""

NO_FOLDER = "the folder of a run is missing; `lookax runs` names those there are"
NO_NAME = "the name is missing; `lookax list` names figures, and `lookax list FIGURE` its presets"
NO_FILE = "the file is missing; name the config.yaml of a run, or a .toml of the same form"

HELP = ("-h", "--help", "help")

USAGE = """\
usage: lookax COMMAND …

  lookax list [FIGURE]                            name figures and presets, or a figure's presets
  lookax show PRESET                              its settings, and what they mean
  lookax run PRESET [--field value …] [--out DIR] learn it
  lookax run --config FILE [--field value …]      learn what a run's config.yaml says
  lookax reproduce FIGURE [--seeds N] [--scale laptop] [--out DIR]
                                                  learn a published figure's presets, draw it, compare it
  lookax sweep PRESET --set field=a,b,c … [--engine local|ray|slurm] [--out DIR]
                                                  learn it with every combination of fields' values
  lookax sweep PRESET --optimise field=LOW..HIGH … --objective METRIC [--trials N] [--prune] [--out DIR]
                                                  search fields for good values
  lookax resume DIR [--field value …]             go on with any of these where it stopped
  lookax runs [DIR]                               name the runs in a folder (runs/), and how far they have come
  lookax evaluate DIR [--update N] [--against FILE.npz]
                                                  what a run's newest checkpoint gives, or that of update N
  lookax inspect DIR [--update N] [--seed S] [--against FILE.npz]
                                                  what its agents do: with memories, in sampled games
  lookax crossplay DIR … [FILE.npz …] [--games N] [--out FILE]
                                                  agents of runs and files with each other, and with fixed strategies
  lookax league DIR … [FILE.npz …] [--games N] [--best-response UPDATES] [--out FILE]
                                                  all of these in both seats, ranked; how far each can be exploited
  lookax play DIR [--games N] [--greedy] [--video FILE.gif]
                                                  whole games of its actor-critics
  lookax export DIR [--seed S] [--player P] [--update N] [--out FOLDER]
                                                  one agent in a folder, for use without lookax
  lookax report DIR … [-o FILE]                   runs in folders, side by side, as a page that opens anywhere
  lookax completion bash|zsh|fish                 a script that completes commands, presets and their fields
  lookax studio [DIR …] [--port N]                runs live, and games against their agents, in a browser
  lookax doctor                                   what is installed, what is wrong with it, and how to mend it

  lookax --plugin FILE.py COMMAND …               load presets of your own first, from a file or a module
  lookax run PRESET --help                        the fields that a preset has
"""
