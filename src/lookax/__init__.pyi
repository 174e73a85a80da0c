from .evaluation.gradient_quality import gradient_quality as gradient_quality
from .evaluation.matches import match as match
from .evaluation.matches import scores as scores
from .games.coin_game import OneCoinGame as OneCoinGame
from .games.coin_game import TwoCoinGame as TwoCoinGame
from .games.exact_play import ExactPlay as ExactPlay
from .games.matrix_game import MatrixGame as MatrixGame
from .games.payoffs import TWO_PLAYER_GAMES as TWO_PLAYER_GAMES
from .games.payoffs import contribution_payoffs as contribution_payoffs
from .games.tabular_mdp import TabularMDP as TabularMDP
from .games.tabular_mdp import random_mdp as random_mdp
from .learners.a2c import A2C as A2C
from .learners.lirpg import LIRPG as LIRPG
from .learners.lola import LOLA as LOLA
from .learners.lola_dice import LOLADiCE as LOLADiCE
from .learners.maml_rl import MAMLRL as MAMLRL
from .learners.mgrl import MGRL as MGRL
from .learners.naive import Naive as Naive
from .learners.objectives.shaping import Shaping as Shaping
from .learners.pair import Pair as Pair
from .learners.pola import POLA as POLA
from .learners.pola_dice import POLADiCEUpdate as POLADiCEUpdate
from .learners.train import train as train
from .lookahead.adjoints import CheckpointAdjoint as CheckpointAdjoint
from .lookahead.adjoints import FirstOrderAdjoint as FirstOrderAdjoint
from .lookahead.adjoints import ForwardAdjoint as ForwardAdjoint
from .lookahead.adjoints import ForwardOverReverseAdjoint as ForwardOverReverseAdjoint
from .lookahead.adjoints import ReverseAdjoint as ReverseAdjoint
from .lookahead.lookahead import Lookahead as Lookahead
from .lookahead.optimiser import Optimiser as Optimiser
from .lookahead.proximal import ProximalPoint as ProximalPoint
from .policies.factory import PolicyMaker as PolicyMaker
from .policies.recurrent import network as network
from .policies.strategies import strategy as strategy

__all__: list[str]
__version__: str
